import {
  addressesEqual,
  formatAddress,
  formatPrefix,
  type IpAddress,
  isLinkLocal,
  isLoopback,
  networkPrefix,
  prefixContains,
} from '@ipsec-kit/ip';
import type {
  AddressRecord,
  NeighbourRecord,
  RouteRecord,
  RouteRecordKind,
} from './route-message.ts';

/** Bounds of what is kept of one dump: a router of a provider must not fill our memory. */
const MOST = { interfaces: 256, addresses: 1_024, routes: 64, neighbours: 4_096 } as const;

/** An interface of the host. */
export interface NetworkInterface {
  readonly name: string;
  /** Up, and with a carrier. */
  readonly isUp: boolean;
  readonly isLoopback: boolean;
  readonly mtu: number;
}

/** An address of the host. */
export interface InterfaceAddress {
  readonly interface: string;
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** To be used for what exists, not for what is new (RFC 4862 §5.5.4). */
  readonly isDeprecated: boolean;
}

/** A default route of the host. */
export interface DefaultRoute {
  readonly interface: string;
  readonly version: 4 | 6;
  readonly gateway?: IpAddress;
  readonly metric: number;
}

/** The network of the host at one moment. */
export interface NetworkSnapshot {
  readonly interfaces: readonly NetworkInterface[];
  /** Of interfaces that are up, usable ones only; without loopback (the addresses, and whatever else the loopback interface has) and
   * link-local.
   */
  readonly addresses: readonly InterfaceAddress[];
  /** Of interfaces that are up, the preferred first. */
  readonly defaultRoutes: readonly DefaultRoute[];
  /** The addresses in order of preference: of the best default route first, deprecated ones last. */
  readonly preferredAddresses: readonly IpAddress[];
  /** Stands for the network that the preferred default route leads into, to remember things by; `undefined` without one. Two
   * networks whose gateways have the same addresses differ by the gateway's link-layer address, once that is known.
   */
  readonly networkKey: string | undefined;
}

/** Makes a snapshot of the records of a dump.
 * @param ignored - names of interfaces that are left out: the tunnel's own.
 * @param before - the last snapshot: what was known of the same gateway stays in the key when it is forgotten for a while.
 */
export function networkSnapshot(
  records: readonly RouteRecordKind[],
  ignored: readonly string[] = [],
  before?: NetworkSnapshot,
): NetworkSnapshot {
  const links = ofKind(records, 'link', MOST.interfaces).filter(
    ({ name }) => !ignored.includes(name),
  );
  const byIndex = new Map(links.map((link) => [link.index, link]));
  const isUp = ({ index }: { readonly index: number }): boolean =>
    byIndex.get(index)?.isUp === true;
  // What the host has for itself: nobody finds the way there by the address of a network.
  const isInside = ({ index }: { readonly index: number }): boolean =>
    byIndex.get(index)?.isLoopback === true;
  const addresses = ofKind(records, 'address', MOST.addresses).filter(
    (record) => isUp(record) && !isInside(record) && isReachable(record),
  );
  const routes = ofKind(records, 'default-route', MOST.routes)
    .filter(isUp)
    .sort((a, b) => a.metric - b.metric || a.version - b.version || a.index - b.index);
  const nameOf = ({ index }: { readonly index: number }): string => byIndex.get(index)?.name ?? '';
  return {
    interfaces: links.map(({ name, isUp, isLoopback, mtu }) => ({ name, isUp, isLoopback, mtu })),
    addresses: addresses.map((record) => ({
      interface: nameOf(record),
      address: record.address,
      prefixLength: record.prefixLength,
      isDeprecated: record.isDeprecated,
    })),
    defaultRoutes: routes.map((route) => ({
      interface: nameOf(route),
      version: route.version,
      ...(route.gateway === undefined ? {} : { gateway: route.gateway }),
      metric: route.metric,
    })),
    preferredAddresses: byPreference(addresses, routes),
    networkKey: stableKey(
      keyOf(routes[0], addresses, ofKind(records, 'neighbour', MOST.neighbours), nameOf),
      before?.networkKey,
    ),
  };
}

/** Whether two snapshots mean the same to a VPN: addresses, routes, and the state of interfaces that have any. */
export function snapshotsEqual(a: NetworkSnapshot, b: NetworkSnapshot): boolean {
  return JSON.stringify(essence(a)) === JSON.stringify(essence(b));
}

function essence(snapshot: NetworkSnapshot): unknown {
  return [
    snapshot.addresses.map((one) => [
      one.interface,
      formatAddress(one.address),
      one.prefixLength,
      one.isDeprecated,
    ]),
    snapshot.defaultRoutes.map((one) => [
      one.interface,
      one.version,
      one.gateway && formatAddress(one.gateway),
      one.metric,
    ]),
    snapshot.interfaces.filter(({ name }) =>
      snapshot.addresses.some((one) => one.interface === name),
    ),
    snapshot.networkKey,
  ];
}

function byPreference(
  addresses: readonly AddressRecord[],
  routes: readonly RouteRecord[],
): readonly IpAddress[] {
  const rank = ({ index, address, isDeprecated }: AddressRecord): number => {
    const route = routes.findIndex(
      (other) => other.index === index && other.version === address.version,
    );
    // What has no default route may still reach a peer in its own network.
    return (route < 0 ? routes.length : route) + (isDeprecated ? 1_000 : 0);
  };
  return [...addresses].sort((a, b) => rank(a) - rank(b)).map(({ address }) => address);
}

function keyOf(
  route: RouteRecord | undefined,
  addresses: readonly AddressRecord[],
  neighbours: readonly NeighbourRecord[],
  nameOf: (record: { readonly index: number }) => string,
): string | undefined {
  if (route === undefined) return undefined;
  const { gateway, index, version } = route;
  const own = addresses.filter(
    (record) => record.index === index && record.address.version === version,
  );
  if (gateway === undefined) return `${nameOf(route)}/direct`;
  const hardware = neighbours.find(
    (other) => other.index === index && addressesEqual(other.address, gateway),
  );
  const inside = own
    .map(({ address, prefixLength }) => networkPrefix({ address, length: prefixLength }))
    .find((prefix) => prefixContains(prefix, gateway));
  return [
    nameOf(route),
    formatAddress(gateway),
    inside === undefined ? '-' : formatPrefix(inside),
    hardware === undefined ? '-' : hexOf(hardware.linkAddress),
  ].join('/');
}

/** A gateway that has just not been heard has not become another one. */
function stableKey(key: string | undefined, before: string | undefined): string | undefined {
  if (key === undefined || before === undefined || !key.endsWith('/-')) return key;
  return before.startsWith(key.slice(0, -1)) ? before : key;
}

function isReachable({ address, isUsable }: AddressRecord): boolean {
  return isUsable && !isLoopback(address) && !isLinkLocal(address);
}

function ofKind<Kind extends RouteRecordKind['kind']>(
  records: readonly RouteRecordKind[],
  kind: Kind,
  most: number,
): Extract<RouteRecordKind, { kind: Kind }>[] {
  return records
    .filter((record): record is Extract<RouteRecordKind, { kind: Kind }> => record.kind === kind)
    .slice(0, most);
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
