import type { ConnectionConfig } from '@ipsec-kit/ikev2';
import { addressesEqual, type IpAddress } from '@ipsec-kit/ip';
import { clientBinding } from './client-plan.ts';
import type { CompiledVpn, ConnectionTransport } from './compile/index.ts';
import {
  type ConnectionAddresses,
  findAddresses,
  type InitialPath,
  initialPath,
} from './connection-path.ts';
import { nat64Finder } from './nat64.ts';
import type { SettingsOptions } from './options.ts';
import type { Platform, UdpBinding } from './platform.ts';
import type { TunnelHost } from './tunnel-host.ts';
import type { OpenSockets } from './tunnel-host-options.ts';

/** A router of a provider has more: there a client stays on the address that it began with. */
const MOST_FOLLOWED_ADDRESSES = 128;

/** What a {@link ClientPath} is made of. */
export interface ClientPathOptions {
  readonly config: ConnectionConfig;
  readonly transport: ConnectionTransport;
  readonly compiled: Pick<CompiledVpn, 'nat64' | 'networkMonitor'>;
  readonly settings: SettingsOptions;
  readonly world: Platform;
}

/** Where a client goes from and to: found before it has a socket, and anew when it opens its connection again. */
export class ClientPath {
  readonly #options: ClientPathOptions;

  constructor(options: ClientPathOptions) {
    this.#options = options;
  }

  /** The addresses of both ends. @throws VpnError as {@link findAddresses} does. */
  findAddresses(): Promise<ConnectionAddresses> {
    const { config, transport, compiled, world } = this.#options;
    const nat64 = nat64Finder(compiled.nat64, world);
    return findAddresses(config.name, transport, world, nat64);
  }

  /** The sockets to open, once the own address is known. */
  binding(local: IpAddress): UdpBinding {
    const { config, transport, compiled, settings, world } = this.#options;
    const follows =
      compiled.networkMonitor &&
      world.watchNetwork !== undefined &&
      world.hostAddresses('').length <= MOST_FOLLOWED_ADDRESSES;
    return clientBinding(local, transport, config, settings, follows);
  }

  /** The first path from sockets that are open. */
  from({ ports }: Pick<TunnelHost, 'ports'>, addresses: ConnectionAddresses): InitialPath {
    const [ike = 0, natT = 0] = ports;
    return initialPath(addresses, this.#options.transport.remotePort, { ike, natT });
  }

  /** The way to the peer now: the address of before may be gone. */
  async anew(udp: OpenSockets, before: ConnectionAddresses): Promise<InitialPath> {
    const isThere = udp.endpoints.some(({ address }) => addressesEqual(address, before.local));
    return this.from(udp, isThere ? before : await this.findAddresses());
  }
}
