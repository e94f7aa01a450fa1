import { constants } from 'node:fs';
import {
  decodeInterfaceName,
  encodeInterfaceRequest,
  IFF_DETACH_QUEUE,
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TUN,
  IFF_VNET_HDR,
  type Posix,
  TUNSETIFF,
  TUNSETQUEUE,
} from '@ipsec-kit/posix';
import { tunOpenError } from './tun-error.ts';

/** The kernel has no more. @see Linux, drivers/net/tun.c, MAX_TAP_QUEUES */
const MOST_QUEUES = 256;

/** Makes a TUN device that goes when its descriptor is closed, the process killed or not.
 * @param name - `%d` in it becomes a free number.
 * @param flags - beyond IFF_TUN and IFF_NO_PI.
 * @throws TunError, one sentence that says what to do.
 */
export function openTunDevice(
  posix: Posix,
  name: string,
  devicePath: string,
  flags = 0,
): { readonly fd: number; readonly name: string } {
  const request = encodeInterfaceRequest(name, IFF_TUN | IFF_NO_PI | flags);
  let fd: number;
  try {
    fd = posix.open(devicePath, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    throw tunOpenError(error, name, devicePath);
  }
  try {
    posix.ioctl(fd, TUNSETIFF, request);
    return { fd, name: decodeInterfaceName(request) };
  } catch (error) {
    posix.close(fd);
    throw tunOpenError(error, name, devicePath);
  }
}

/** Opens the queues of one device with vnet headers; all descriptors or none stay open.
 * @param queues - 1 to 256.
 * @throws TunError, one sentence that says what to do.
 */
export function openTunDescriptors(
  posix: Posix,
  wantedName: string,
  devicePath: string,
  queues: number,
): { readonly name: string; readonly fds: readonly number[] } {
  if (!Number.isInteger(queues) || queues < 1 || queues > MOST_QUEUES) {
    throw new RangeError(`"queues" expected 1 to ${MOST_QUEUES}, got ${queues}`);
  }
  const flags = IFF_VNET_HDR | (queues > 1 ? IFF_MULTI_QUEUE : 0);
  const fds: number[] = [];
  let name = wantedName;
  try {
    for (let i = 0; i < queues; i += 1) {
      const device = openTunDevice(posix, name, devicePath, flags);
      // The first gets the name that the others then share.
      name = device.name;
      fds.push(device.fd);
    }
  } catch (error) {
    for (const fd of fds) posix.close(fd);
    throw error;
  }
  return { name, fds };
}

/** Opens one more queue of a device with several, and takes it out of those that are read. What is written to it leaves no trace:
 * a flow whose packets come in through an ordinary queue is moved to that queue, past those of its packets that still wait in
 * another one. @see Linux, drivers/net/tun.c, tun_flow_update
 * @throws TunError, one sentence that says what to do.
 */
export function openWritingDescriptor(posix: Posix, name: string, devicePath: string): number {
  const { fd } = openTunDevice(posix, name, devicePath, IFF_VNET_HDR | IFF_MULTI_QUEUE);
  try {
    posix.ioctl(fd, TUNSETQUEUE, encodeInterfaceRequest(name, IFF_DETACH_QUEUE));
    return fd;
  } catch (error) {
    posix.close(fd);
    throw tunOpenError(error, name, devicePath);
  }
}
