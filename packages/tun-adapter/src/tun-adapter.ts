import type { IpAddress, PacketBatch, Prefix } from '@ipsec-kit/ip';

/** How a TUN device is set up: replaced as a whole, and undone on close. */
export interface TunSettings {
  readonly addresses: readonly Prefix[];
  readonly routes: readonly Prefix[];
  readonly mtu: number;
  readonly dns: readonly { readonly server: IpAddress }[];
  /** Outer addresses that must stay reachable outside a full tunnel (no routing loop). */
  readonly excluded: readonly IpAddress[];
  /** Source addresses that the routes suggest to the host, at most one for each family: for a tunnel without
   * a virtual address, the host's own address inside the local traffic selectors. Absent: the host chooses,
   * and takes an address of the device where there is one.
   */
  readonly preferredSources?: readonly IpAddress[];
  /** Peers that are reached inside of the tunnel and outside of it at one address, as in transport mode: all that the host
   * sends there goes into the device, but for UDP datagrams from one of `outsidePorts`, which carry the tunnel.
   * Their addresses have to be routed, and are not excluded whatever `excluded` says.
   */
  readonly insidePeers?: readonly InsidePeer[];
  /** Ports of the sockets that carry the tunnel: where something is excluded, what leaves from them goes past the tunnel to any
   * destination, so that a peer which moves is followed before its new address is excluded.
   */
  readonly outsidePorts?: readonly number[];
}

/** A peer whose own outer address is routed into the device. */
export interface InsidePeer {
  readonly address: IpAddress;
  /** Source address that the route to it suggests to the host; absent: as for other routes. */
  readonly source?: IpAddress;
}

/** A TUN device in batches of whole IP packets. */
export interface TunAdapter {
  readonly name: string;
  onPackets(handler: (batch: PacketBatch) => void): void;
  onError(handler: (error: Error) => void): void;
  /** Writes every packet of the batch. @returns how many were taken. */
  write(batch: PacketBatch): number;
  /** Applies addresses, routes and DNS; what was applied before and is not asked for any more is removed. */
  configure(settings: TunSettings): Promise<void>;
  readonly counters: TunCounters;
  /** Removes addresses, routes, DNS and the device. */
  close(): Promise<void>;
}

/** Packets since the adapter was made, seen from this process: `read` came from the host, `written` went to it. */
export interface TunCounters {
  readonly read: number;
  /** Packets of the host that were dropped here: too long, or nobody listened. */
  readonly readDrops: number;
  readonly written: number;
  /** Packets that the host did not take: not an IP packet, or the device is down. */
  readonly writeDrops: number;
}
