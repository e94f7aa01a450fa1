import { loadPosix, type Posix } from '@ipsec-kit/posix';
import { hostSettingsOf, type TunOptions } from './create-tun.ts';
import { RESOLV_CONF_PATH } from './dns-settings.ts';
import { givenDevice } from './given-device.ts';
import type { HostSettings } from './host-settings.ts';
import { clearLeftovers } from './leftovers.ts';
import { openTunDescriptors, openWritingDescriptor } from './open-tun-device.ts';
import { STATE_DIRECTORY } from './state-file.ts';
import type { TunSettings } from './tun-adapter.ts';
import { TunError } from './tun-error.ts';

/** What to make. */
export interface TunDeviceOptions
  extends Pick<TunOptions, 'name' | 'fd' | 'stateDirectory' | 'resolvConfPath' | 'devicePath'> {
  /** One for each worker that reads and writes; default 1. */
  readonly queues?: number;
}

/** A TUN device with vnet headers whose packets others carry: its descriptors go to the workers, where
 * `tunQueueFromFd(calls, fd, true, { name, keepsOpen: true })` makes queues of them.
 */
export interface TunDevice {
  readonly name: string;
  /** One for each queue, not blocking; valid until {@link close}. */
  readonly fds: readonly number[];
  /** Of a device with several queues: what all workers write to, the `writeFd` of their queues, so that the kernel keeps every flow on
   * the queue that it chose for it.
   */
  readonly writeFd: number | undefined;
  onError(handler: (error: Error) => void): void;
  /** Applies addresses, routes and DNS; what was applied before and is not asked for any more is removed. */
  configure(settings: TunSettings): Promise<void>;
  /** Removes addresses, routes, DNS and the device. To be called when no worker uses its descriptors any more. */
  close(): Promise<void>;
}

/** Makes a TUN device as `createTun` does, or takes one with one queue, but carries no packets itself.
 * @throws TunError, one sentence that says what to do: no permission, no driver, a name that is taken, no Linux.
 */
export async function createTunDevice(options: TunDeviceOptions = {}): Promise<TunDevice> {
  const loaded = loadPosix();
  if (!loaded.ok) throw new TunError('unsupported', loaded.reason);
  const { posix } = loaded;
  const { stateDirectory = STATE_DIRECTORY, resolvConfPath = RESOLV_CONF_PATH } = options;
  const { name: wanted = 'ipsec%d', devicePath = '/dev/net/tun', queues = 1 } = options;
  // Opened first: without permission nothing else is touched.
  const { name, fds } =
    options.fd === undefined
      ? openTunDescriptors(posix, wanted, devicePath, queues)
      : takenDevice(posix, options.fd);
  const all = [...fds];
  let errorHandler: ((error: Error) => void) | undefined;
  try {
    const writeFd = queues > 1 ? openWritingDescriptor(posix, name, devicePath) : undefined;
    if (writeFd !== undefined) all.push(writeFd);
    await clearLeftovers({ stateDirectory, resolvConfPath });
    const warn = (error: Error): void => errorHandler?.(error);
    const host = await hostSettingsOf(name, warn, stateDirectory, resolvConfPath);
    const onError = (handler: (error: Error) => void): void => {
      errorHandler = handler;
    };
    return { name, fds, writeFd, onError, ...inTurn(posix, name, all, host) };
  } catch (error) {
    for (const fd of all) posix.close(fd);
    throw error;
  }
}

function takenDevice(
  posix: Posix,
  fd: number,
): { readonly name: string; readonly fds: readonly number[] } {
  const { name } = givenDevice(fd);
  posix.setNonBlocking(fd, true);
  return { name, fds: [fd] };
}

/** One change of the host after the other, in the order of the calls. */
function inTurn(
  posix: Posix,
  name: string,
  fds: readonly number[],
  host: HostSettings,
): Pick<TunDevice, 'configure' | 'close'> {
  let last: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    try {
      await last;
      await host.undo();
    } finally {
      for (const fd of fds) posix.close(fd);
    }
  }

  return {
    async configure(settings: TunSettings): Promise<void> {
      if (closing) throw new Error(`the TUN device ${name} is closed and cannot be configured`);
      const done = last.then(() => host.apply(settings));
      last = done.catch(() => undefined);
      await done;
    },
    close(): Promise<void> {
      closing ??= close();
      return closing;
    },
  };
}
