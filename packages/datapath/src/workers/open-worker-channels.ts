import type { Posix } from '@ipsec-kit/posix';
import type { TunDevice } from '@ipsec-kit/tun-adapter';
import { openWorkerChannel, type WorkerChannel } from '../worker/worker-channel.ts';
import { HandoverRing } from './handover-ring.ts';
import type { HandoverCounters } from './several-workers-path.ts';
import { createWorkerGroups } from './worker-group.ts';

/** The workers of a device. */
export interface WorkerChannels {
  /** One for each queue. */
  readonly channels: readonly WorkerChannel[];
  handoverOf(worker: number): HandoverCounters;
  /** Resolves when all have ended and nothing of them is left; may be called again. */
  stop(): Promise<void>;
}

/** Starts a worker for each queue of a TUN device.
 * @returns their channels, or one sentence that says why a worker cannot serve; all have ended then.
 */
export async function openWorkerChannels(
  posix: Posix,
  { fds, writeFd, name: tunName }: Pick<TunDevice, 'fds' | 'writeFd' | 'name'>,
): Promise<WorkerChannels | string> {
  const wakeFds = fds.map(() => posix.eventfd());
  const groups = fds.length > 1 ? createWorkerGroups(wakeFds) : [];
  const opened = await Promise.all(
    fds.map((tunFd, i) => {
      const [wakeFd = -1] = wakeFds.slice(i);
      const [group] = groups.slice(i);
      const shared = group ? { group } : {};
      const device = { tunFd, tunName, ...(writeFd === undefined ? {} : { tunWriteFd: writeFd }) };
      return openWorkerChannel(posix, { ...device, wakeFd, ...shared });
    }),
  );
  const channels = opened.filter((one) => typeof one !== 'string');
  // A worker wakes the others: no descriptor may mean something else while one of them runs.
  const closed = Promise.all(channels.map(({ ended }) => ended)).then(() => {
    for (const fd of wakeFds) posix.close(fd);
  });
  const rings = groups.map(({ outgoing }) =>
    outgoing.flatMap((memory) => (memory ? [new HandoverRing(memory)] : [])),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(channels.map((channel) => channel.stop()));
    await closed;
  };
  const refusal = opened.find((one) => typeof one === 'string');
  if (refusal !== undefined) {
    await stop();
    return refusal;
  }
  return {
    channels,
    handoverOf(worker): HandoverCounters {
      const outgoing = rings[worker] ?? [];
      return {
        handedOver: outgoing.reduce((sum, { pushed }) => sum + pushed, 0),
        handoverDrops: outgoing.reduce((sum, { dropped }) => sum + dropped, 0),
      };
    },
    stop,
  };
}
