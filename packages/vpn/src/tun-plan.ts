import type { ChildInstallation } from '@ipsec-kit/ikev2';
import {
  addressesEqual,
  addressToSelector,
  firstAddress,
  hostPrefix,
  type IpAddress,
  type Prefix,
  prefixContains,
  prefixesEqual,
  selectorContains,
  selectorToPrefixes,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import type { TunSettings } from '@ipsec-kit/tun-adapter';

/** What of an installed Child SA decides how the TUN device is set up. */
export type PlannedChild = Pick<
  ChildInstallation,
  'localSelectors' | 'remoteSelectors' | 'virtualAddresses' | 'dns' | 'path'
>;

/** Everything that the settings of a TUN device follow from. */
export interface TunPlanInput {
  readonly mtu: number;
  readonly children: readonly PlannedChild[];
  /** Networks of our own address pools: routed as a whole, so that a client that comes or goes changes no route. */
  readonly poolPrefixes: readonly Prefix[];
  /** Selectors of this side in the configuration: known before the first child, so that it changes no route either. */
  readonly localSelectors?: readonly TrafficSelector[];
  /** Addresses that this host has on its other interfaces. */
  readonly hostAddresses: readonly IpAddress[];
}

/** Plans the addresses, routes, DNS servers and exceptions of a TUN device for the Child SAs that stand now.
 *
 * - Addresses: the virtual addresses.
 * - Preferred sources: a family without a virtual address takes an address of this host that lies inside the
 *   local selectors, if there is one, for what this host itself sends into the tunnel.
 * - Routes: the remote selectors and the pools, without what another route covers.
 * - Excluded: outer addresses of peers that a route would send into their own tunnel.
 */
export function planTun(input: TunPlanInput): TunSettings {
  const { mtu, children, poolPrefixes, localSelectors = [], hostAddresses } = input;
  const ownSide = [...localSelectors, ...children.flatMap((child) => child.localSelectors)];
  const virtual = uniqueAddresses(children.flatMap((child) => child.virtualAddresses));
  const preferredSources = ([4, 6] as const).flatMap((version) => {
    if (virtual.some((address) => address.version === version)) return [];
    const own = hostAddresses.filter((address) => address.version === version);
    return own.filter((address) => isSelected(address, ownSide)).slice(0, 1);
  });
  const wanted = children.flatMap((child) => child.remoteSelectors.flatMap(selectorToPrefixes));
  const routes = withoutCovered(uniquePrefixes([...poolPrefixes, ...wanted]));
  const peers = uniqueAddresses(children.map((child) => child.path.remote.address));
  const servers = uniqueAddresses(children.flatMap((child) => child.dns));
  return {
    addresses: virtual.map(hostPrefix),
    routes,
    mtu,
    dns: servers.map((server) => ({ server })),
    excluded: peers.filter((peer) => routes.some((route) => prefixContains(route, peer))),
    preferredSources,
  };
}

/** Whether two settings ask for the same: then nothing has to be configured again. */
export function tunSettingsEqual(a: TunSettings, b: TunSettings): boolean {
  return (
    a.mtu === b.mtu &&
    sameList(a.addresses, b.addresses, prefixesEqual) &&
    sameList(a.routes, b.routes, prefixesEqual) &&
    sameList(a.excluded, b.excluded, addressesEqual) &&
    sameList(a.preferredSources ?? [], b.preferredSources ?? [], addressesEqual) &&
    sameList(a.dns, b.dns, (one, other) => addressesEqual(one.server, other.server))
  );
}

function isSelected(address: IpAddress, selectors: readonly TrafficSelector[]): boolean {
  return selectors.some((selector) =>
    selectorContains(
      { ...selector, protocol: 0, startPort: 0, endPort: 65535 },
      addressToSelector(address),
    ),
  );
}

function withoutCovered(prefixes: readonly Prefix[]): Prefix[] {
  return prefixes.filter(
    (prefix) =>
      !prefixes.some(
        (wider) => wider.length < prefix.length && prefixContains(wider, firstAddress(prefix)),
      ),
  );
}

function uniquePrefixes(prefixes: readonly Prefix[]): Prefix[] {
  const byKey = new Map(
    prefixes.map((prefix) => [`${prefix.address.bytes.join('.')}/${prefix.length}`, prefix]),
  );
  return [...byKey.values()];
}

function uniqueAddresses(addresses: readonly IpAddress[]): IpAddress[] {
  return [...new Map(addresses.map((address) => [address.bytes.join('.'), address])).values()];
}

function sameList<T>(
  a: readonly T[],
  b: readonly T[],
  equal: (one: T, other: T) => boolean,
): boolean {
  return (
    a.length === b.length &&
    a.every((one, index) => {
      const other = b[index];
      return other !== undefined && equal(one, other);
    })
  );
}
