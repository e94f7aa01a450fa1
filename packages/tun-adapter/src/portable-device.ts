import { loadPosix, type Posix, TUNSETOFFLOAD } from '@ipsec-kit/posix';
import { givenDevice, refuseBlocking } from './given-device.ts';
import { openTunDescriptors } from './open-tun-device.ts';
import { grantedOffloads } from './open-tun-queue.ts';
import type { PacketLoopOptions } from './packet-loop.ts';
import { pausingWait, pollingWait } from './packet-wait.ts';
import { TunError } from './tun-error.ts';
import type { TunOffloads } from './tun-queue.ts';

/** A device that `createPacketLoop` reads and writes. */
export type PortableDevice = Pick<PacketLoopOptions, 'fd' | 'name' | 'offloads' | 'wait'>;

/** What can be written to any device with vnet headers; what is read from it depends on who made it. */
const ANY_KERNEL: TunOffloads = { checksum: true, tcp: true, udp: false };

/** Makes a device with the offloads that the kernel has.
 * @throws TunError, one sentence that says what to do.
 */
export function openedDevice(wanted: string, devicePath: string): PortableDevice {
  const loaded = loadPosix();
  if (!loaded.ok) {
    throw new TunError(
      'unsupported',
      `${loaded.reason}, or hand over the descriptor of an open TUN device (\`--tun-fd\`)`,
    );
  }
  const { posix } = loaded;
  const { name, fds } = openTunDescriptors(posix, wanted, devicePath, 1);
  const [fd = -1] = fds;
  return { fd, name, offloads: offloadsOf(posix, fd), wait: pollingWait(posix, fd) };
}

/** Takes a device of whatever maker.
 * @throws TunError, one sentence that says what to do.
 */
export function offeredDevice(fd: number): PortableDevice {
  const { name, hasVnetHeader } = givenDevice(fd);
  const { posix, wait } = readinessOf(fd);
  const offloads = posix ? offloadsOf(posix, fd) : ANY_KERNEL;
  return { fd, name, offloads: hasVnetHeader ? offloads : undefined, wait };
}

/** How a descriptor of whatever maker is waited for; it is made not to block, where that can be done.
 * @throws TunError when it blocks, and cannot be changed.
 */
export function readinessOf(fd: number): Pick<PortableDevice, 'wait'> & { readonly posix?: Posix } {
  const loaded = loadPosix();
  if (loaded.ok) {
    loaded.posix.setNonBlocking(fd, true);
    return { posix: loaded.posix, wait: pollingWait(loaded.posix, fd) };
  }
  refuseBlocking(fd);
  return { wait: pausingWait() };
}

function offloadsOf(posix: Posix, fd: number): TunOffloads {
  const isGranted = (flags: number): boolean => {
    try {
      return posix.ioctlNumber(fd, TUNSETOFFLOAD, flags) >= 0;
    } catch {
      return false;
    }
  };
  return grantedOffloads(isGranted) ?? { checksum: false, tcp: false, udp: false };
}
