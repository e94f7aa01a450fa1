import type { PacketBatch } from '@ipsec-kit/ip';
import { createDnsSettings, dnsKeeper, isMountPoint, RESOLV_CONF_PATH } from './dns-settings.ts';
import { createHostSettings, deviceHasIpv6, type HostSettings } from './host-settings.ts';
import { clearLeftovers } from './leftovers.ts';
import { createPacketLoop, type PacketLoop } from './packet-loop.ts';
import { offeredDevice, openedDevice } from './portable-device.ts';
import { ownIdentity } from './process-identity.ts';
import { strictInterface } from './reverse-path-filter.ts';
import { runCommand } from './run-command.ts';
import { tunPlace } from './settings-plan.ts';
import { createStateFile, STATE_DIRECTORY } from './state-file.ts';
import type { TunAdapter, TunSettings } from './tun-adapter.ts';
import { TunError } from './tun-error.ts';

/** What to make. */
export interface TunOptions {
  /** Name of the device, at most 15 characters; `%d` in it becomes a free number. Default `ipsec%d`. */
  readonly name?: string;
  /** A descriptor of a device that is open already, instead of one that is made: so a Node without FFI has one. It delivers
   * bare IP packets (IFF_NO_PI) and does not block, and its device has the name then; closed with the adapter.
   */
  readonly fd?: number;
  /** Room for packets until {@link TunAdapter.configure} sets an MTU; default 1500 bytes. */
  readonly mtu?: number;
  /** Where it is recorded what a killed process would leave behind; default `/run/ipsec-kit`. */
  readonly stateDirectory?: string;
  /** Default `/etc/resolv.conf`. */
  readonly resolvConfPath?: string;
  /** Default `/dev/net/tun`. */
  readonly devicePath?: string;
  /** Most packets handed over at once; default 64. */
  readonly batchPackets?: number;
  /** Free bytes in front of each packet; default 64. */
  readonly headroomBytes?: number;
}

/** Makes a TUN device in the network namespace of this process, or takes one that is open already, after clearing what killed processes left there.
 * The device is down until it is configured, and goes with the process.
 * @throws TunError, one sentence that says what to do: no permission, no driver, a name that is taken, no Linux.
 */
export async function createTun(options: TunOptions = {}): Promise<TunAdapter> {
  const {
    name = 'ipsec%d',
    fd,
    mtu = 1500,
    batchPackets = 64,
    headroomBytes = 64,
    devicePath = '/dev/net/tun',
    stateDirectory = STATE_DIRECTORY,
    resolvConfPath = RESOLV_CONF_PATH,
  } = options;
  // Opened first: without permission nothing else is touched.
  const device = fd === undefined ? openedDevice(name, devicePath) : offeredDevice(fd);
  const loop = createPacketLoop({ ...device, mtu, batchPackets, headroomBytes });
  try {
    await clearLeftovers({ stateDirectory, resolvConfPath });
    const warn = (error: Error): void => loop.reportError(error);
    const host = await hostSettingsOf(device.name, warn, stateDirectory, resolvConfPath);
    return adapter(device.name, loop, host);
  } catch (error) {
    await loop.close();
    throw error;
  }
}

/** What a tunnel may change on the host on behalf of a device.
 * @param warn - told of what does not keep the tunnel from working.
 */
export async function hostSettingsOf(
  device: string,
  warn: (error: Error) => void,
  stateDirectory: string,
  resolvConfPath: string,
): Promise<HostSettings> {
  const link = await runCommand('ip', ['-o', 'link', 'show', 'dev', device]);
  const interfaceIndex = Number.parseInt(link, 10);
  if (!Number.isInteger(interfaceIndex)) {
    throw new TunError(
      'ip-command',
      `\`ip link show\` does not tell the index of ${device}: ${link}`,
    );
  }
  return createHostSettings({
    place: tunPlace(device, interfaceIndex),
    run: runCommand,
    state: createStateFile(stateDirectory, device),
    dns: createDnsSettings({
      path: resolvConfPath,
      owner: { device, ...ownIdentity() },
      keeper: dnsKeeper(resolvConfPath, isMountPoint),
      run: runCommand,
    }),
    hasIpv6: () => deviceHasIpv6(device),
    strictInterface: () => strictInterface(device),
    warn,
  });
}

function adapter(name: string, loop: PacketLoop, host: HostSettings): TunAdapter {
  // One change of the host after the other, in the order of the calls.
  let last: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    try {
      await last;
      await host.undo();
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
      if (closing) throw new Error(`the TUN device ${name} is closed and cannot be configured`);
      const done = last.then(() => {
        loop.resize(settings.mtu);
        return host.apply(settings);
      });
      last = done.catch(() => undefined);
      await done;
    },
    close(): Promise<void> {
      closing ??= close();
      return closing;
    },
  };
}
