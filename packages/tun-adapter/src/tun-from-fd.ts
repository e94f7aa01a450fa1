import type { PacketBatch } from '@ipsec-kit/ip';
import { createPacketLoop } from './packet-loop.ts';
import { readinessOf } from './portable-device.ts';
import type { TunAdapter, TunSettings } from './tun-adapter.ts';

/** What comes with a descriptor. */
export interface TunFromFdOptions {
  /** For people and logs; default `fd` and its number. */
  readonly name?: string;
  /** The largest packet that the device delivers; default 1500. */
  readonly mtu?: number;
  /** Applies settings: whoever made the device also owns its addresses, routes and DNS. Default: nothing is applied. */
  readonly configure?: (settings: TunSettings) => Promise<void>;
  /** Undoes the settings when the adapter is closed. */
  readonly unconfigure?: () => Promise<void>;
  readonly batchPackets?: number;
  readonly headroomBytes?: number;
}

/** Uses a TUN device that someone else made: a privileged helper, a service manager, a mobile system.
 * @param fd - delivers whole IP packets with nothing in front; it is made non-blocking, and closed with the adapter.
 * @throws TunError where there are no system calls and it blocks.
 */
export function tunFromFd(fd: number, options: TunFromFdOptions = {}): TunAdapter {
  const { wait } = readinessOf(fd);
  const { name = `fd${fd}`, mtu = 1500, batchPackets = 64, headroomBytes = 64 } = options;
  const loop = createPacketLoop({
    fd,
    name,
    offloads: undefined,
    wait,
    mtu,
    batchPackets,
    headroomBytes,
  });
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    try {
      await options.unconfigure?.();
    } finally {
      await loop.close();
    }
  }

  return {
    name,
    counters: loop.counters,
    onPackets: (handler: (batch: PacketBatch) => void) => loop.onPackets(handler),
    onError: (handler: (error: Error) => void) => loop.onError(handler),
    write: (batch: PacketBatch) => loop.write(batch),
    async configure(settings: TunSettings): Promise<void> {
      loop.resize(settings.mtu);
      await options.configure?.(settings);
    },
    close(): Promise<void> {
      closing ??= close();
      return closing;
    },
  };
}
