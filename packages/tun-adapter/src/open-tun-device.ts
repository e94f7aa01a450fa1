import { constants } from 'node:fs';
import {
  decodeInterfaceName,
  encodeInterfaceRequest,
  IFF_NO_PI,
  IFF_TUN,
  type Posix,
  TUNSETIFF,
} from '@ipsec-kit/posix';
import { tunOpenError } from './tun-error.ts';

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
