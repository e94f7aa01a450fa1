import type { IpAddress, PacketBatch, Prefix } from '@ipsec-kit/ip';

/** How a TUN device is set up: replaced as a whole, and undone on close. */
export interface TunSettings {
  readonly addresses: readonly Prefix[];
  readonly routes: readonly Prefix[];
  readonly mtu: number;
  readonly dns: readonly { readonly server: IpAddress }[];
  /** Outer addresses that must stay reachable outside a full tunnel (no routing loop). */
  readonly excluded: readonly IpAddress[];
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
  readonly counters: {
    readonly read: number;
    readonly written: number;
    readonly writeDrops: number;
  };
  /** Removes addresses, routes, DNS and the device. */
  close(): Promise<void>;
}
