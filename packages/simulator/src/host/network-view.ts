import { formatAddress, type IpAddress } from '@ipsec-kit/ip';
import type { Middlebox } from '../network/middlebox.ts';
import type { NetworkSegment } from '../network/network-segment.ts';

/** A network that a host can be in: what its interface of that name gets there. */
export interface HostNetwork {
  /** Name of the interface: `wifi`, `lte`. */
  readonly name: string;
  /** Default: the core of the network. */
  readonly segment?: NetworkSegment;
  readonly addresses: readonly IpAddress[];
  /** Between the host and the segment, nearest first: its link, an MTU. */
  readonly links?: readonly Middlebox[];
  /** The smaller is preferred. */
  readonly metric: number;
  /** Default 1500. */
  readonly mtu?: number;
  /** Whether it leads anywhere else; default true. */
  readonly hasDefaultRoute?: boolean;
  /** Whether there is a route to an address now: without one the host cannot send there, and knows. Default: to all. */
  readonly hasRouteTo?: (address: IpAddress) => boolean;
}

/** The network of a host at one moment, in the shape that the network monitors of real hosts tell it. */
export interface NetworkView {
  readonly interfaces: readonly {
    readonly name: string;
    readonly isUp: boolean;
    readonly isLoopback: boolean;
    readonly mtu: number;
  }[];
  readonly addresses: readonly {
    readonly interface: string;
    readonly address: IpAddress;
    readonly prefixLength: number;
    readonly isDeprecated: boolean;
  }[];
  /** The preferred first. */
  readonly defaultRoutes: readonly {
    readonly interface: string;
    readonly version: 4 | 6;
    readonly metric: number;
  }[];
  readonly preferredAddresses: readonly IpAddress[];
  /** Stands for the network that the preferred default route leads into; `undefined` without one. */
  readonly networkKey: string | undefined;
}

const DEFAULT_MTU = 1500;
const PREFIX_LENGTH = { 4: 24, 6: 64 } as const;
const VERSIONS = [4, 6] as const;

/** What a host sees that could be in all of `known` and is in `joined`. */
export function viewNetworks(
  known: readonly HostNetwork[],
  joined: readonly HostNetwork[],
): NetworkView {
  const preferred = [...joined].sort((a, b) => a.metric - b.metric);
  const routed = preferred.filter(({ hasDefaultRoute = true }) => hasDefaultRoute);
  const unrouted = preferred.filter((network) => !routed.includes(network));
  return {
    interfaces: known.map(({ name, mtu = DEFAULT_MTU }) => ({
      name,
      isUp: joined.some((network) => network.name === name),
      isLoopback: false,
      mtu,
    })),
    addresses: preferred.flatMap(({ name, addresses }) =>
      addresses.map((address) => ({
        interface: name,
        address,
        prefixLength: PREFIX_LENGTH[address.version],
        isDeprecated: false,
      })),
    ),
    defaultRoutes: routed.flatMap(({ name, addresses, metric }) =>
      VERSIONS.filter((version) => addresses.some((own) => own.version === version)).map(
        (version) => ({ interface: name, version, metric }),
      ),
    ),
    // What has no default route may still reach a peer in its own network.
    preferredAddresses: [...routed, ...unrouted].flatMap(({ addresses }) => addresses),
    networkKey: routed[0] && `${routed[0].name}/${routed[0].segment?.name ?? 'core'}`,
  };
}

/** Whether two views mean the same to a VPN. */
export function viewsEqual(a: NetworkView, b: NetworkView): boolean {
  return essence(a) === essence(b);
}

function essence({ interfaces, addresses, defaultRoutes, networkKey }: NetworkView): string {
  const texts = addresses.map((one) => [one.interface, formatAddress(one.address)]);
  return JSON.stringify([interfaces, texts, defaultRoutes, networkKey]);
}
