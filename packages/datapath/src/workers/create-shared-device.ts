import type { SystemCalls } from '@ipsec-kit/posix';
import { createTunDevice, type TunDevice } from '@ipsec-kit/tun-adapter';
import { sharedPortFault } from '@ipsec-kit/udp-adapter';
import type { PacketWorkerOptions } from '../packet-worker-contract.ts';

/** A device, and sentences about what is slower than was asked for. */
export interface SharedDevice {
  /** With a queue for each worker. */
  readonly device: TunDevice;
  readonly notes: readonly string[];
}

/** Makes a device for so many workers, or for one where the kernel has no port or no device for more.
 * @throws TunError, one sentence that says what to do, when no device can be had at all.
 */
export async function createSharedDevice(
  calls: SystemCalls,
  { workers = 1, ...options }: PacketWorkerOptions,
): Promise<SharedDevice> {
  if (workers === 1) return { device: await createTunDevice(options), notes: [] };
  const alone = async (reason: string): Promise<SharedDevice> => ({
    device: await createTunDevice(options),
    notes: [`one worker carries packets instead of ${workers}: ${reason}`],
  });
  if (options.fd !== undefined) return alone('the device came as one descriptor');
  const fault = sharedPortFault(calls);
  if (fault !== undefined) return alone(fault);
  try {
    return { device: await createTunDevice({ ...options, queues: workers }), notes: [] };
  } catch (error) {
    return alone(error instanceof Error ? error.message : String(error));
  }
}
