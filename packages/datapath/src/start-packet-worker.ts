import { errnoName, loadPosix, loadSystemCalls, type SystemCalls } from '@ipsec-kit/posix';
import { givenDevice, type TunDevice, TunError } from '@ipsec-kit/tun-adapter';
import type { PacketPath } from './packet-path.ts';
import type {
  PacketWorker,
  PacketWorkerOptions,
  PacketWorkerResult,
} from './packet-worker-contract.ts';
import { createWorkerPath, type WorkerPath } from './worker/worker-path.ts';
import { createSharedDevice } from './workers/create-shared-device.ts';
import { openWorkerChannels, type WorkerChannels } from './workers/open-worker-channels.ts';
import { createSeveralWorkersPath } from './workers/several-workers-path.ts';
import { createWorkerBindings } from './workers/worker-bindings.ts';

/** The code of an error after which nothing is carried any more. */
const GONE = 'EBADFD';

/** Makes a TUN device with offloads, or takes one, and starts a worker that carries its packets with batched system calls and the ciphers
 * of OpenSSL, or several; `createInlinePath` with plain adapters does the same anywhere.
 * @returns where it says why not, a device that came as a descriptor is still open.
 * @throws TunError, one sentence that says what to do, when a device cannot be had: no permission, no driver.
 */
export async function startPacketWorker(
  options: PacketWorkerOptions = {},
): Promise<PacketWorkerResult> {
  const posix = loadPosix();
  const system = loadSystemCalls();
  if (!posix.ok) return { ok: false, reason: posix.reason };
  if (!system.ok) return { ok: false, reason: system.reason };
  const { fd } = options;
  if (fd !== undefined && !givenDevice(fd).hasVnetHeader) {
    return { ok: false, reason: `the device of descriptor ${fd} came without IFF_VNET_HDR` };
  }
  const { device, notes } = await createSharedDevice(system.calls, options);
  try {
    const opened = await openWorkerChannels(posix.posix, device);
    if (typeof opened !== 'string') {
      return { ok: true, worker: packetWorker(system.calls, device, opened, notes) };
    }
    if (fd === undefined) await device.close();
    return { ok: false, reason: opened };
  } catch (error) {
    await device.close();
    throw error;
  }
}

function packetWorker(
  calls: SystemCalls,
  device: TunDevice,
  { channels, handoverOf, stop }: WorkerChannels,
  notes: readonly string[],
): PacketWorker {
  let onError: (error: Error) => void = () => undefined;
  let hasFailed = false;
  let workerPaths: readonly WorkerPath[] = [];
  const sockets = createWorkerBindings(calls, channels);
  const fail = (reason: string): void => {
    // What ends the device ends it for all of them.
    if (hasFailed) return;
    hasFailed = true;
    onError(new TunError(GONE, `${device.name} carries no packets any more: ${reason}`));
  };
  for (const [i, channel] of channels.entries()) {
    channel.onFailure((error) => fail(error.message));
    channel.onMessage((message) => {
      if (message.kind === 'device-failed') fail(errnoName(message.errno));
      else workerPaths[i]?.note(message);
    });
  }
  return {
    notes: [...new Set([...notes, ...channels.flatMap(({ ready }) => ready.notes)])],
    tun: {
      name: device.name,
      onError(handler): void {
        onError = handler;
        device.onError(handler);
      },
      configure: (settings) => device.configure(settings),
      async close(): Promise<void> {
        // Nobody may use its descriptors any more.
        await stop();
        await device.close();
      },
    },
    openSockets: (bind) => sockets.open(bind),
    connect(handlers): PacketPath {
      workerPaths = channels.map((channel) => createWorkerPath(channel, handlers));
      sockets.handOver(handlers.isMarkedPort);
      const [alone, ...others] = workerPaths;
      return alone && others.length === 0
        ? alone.path
        : createSeveralWorkersPath(workerPaths, handoverOf);
    },
  };
}
