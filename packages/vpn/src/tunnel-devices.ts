import type { TunAdapter } from '@ipsec-kit/tun-adapter';
import type { BoundUdp, UdpBinding } from './platform.ts';
import type { TunnelHostOptions } from './tunnel-host-options.ts';
import { vpnErrorFrom } from './vpn-error.ts';

/** The device that was handed over, or a new one of the system.
 * @throws VpnError when it cannot be made.
 */
export async function openTun(options: TunnelHostOptions): Promise<TunAdapter> {
  if (options.tun) return options.tun;
  try {
    return await options.world.createTun();
  } catch (error) {
    throw vpnErrorFrom(error, 'create the TUN device', 'tun-failed');
  }
}

/** The sockets of a tunnel.
 * @param device - the tunnel's own: what comes out of the tunnel is not to be answered from inside of it.
 * @throws VpnError for a port in use or a missing permission.
 */
export async function openSockets(options: TunnelHostOptions, device: string): Promise<BoundUdp> {
  const { bind, world } = options;
  const outside: UdpBinding =
    'ports' in bind
      ? {
          ...bind,
          skip: (name, address) => name === device || (bind.skip?.(name, address) ?? false),
        }
      : bind;
  try {
    return await world.createUdp(outside);
  } catch (error) {
    throw vpnErrorFrom(error, 'open the UDP sockets', 'socket-failed');
  }
}
