import type { ChildInstallation } from '@ipsec-kit/ikev2';
import {
  addressesEqual,
  addressToSelector,
  compareAddresses,
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
import type { InsidePeer, TunSettings } from '@ipsec-kit/tun-adapter';

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
  /** Local ports of the sockets that carry the tunnel. */
  readonly outsidePorts?: readonly number[];
}

/** Plans the addresses, routes, DNS servers and exceptions of a TUN device for the Child SAs that stand now.
 *
 * - Addresses: the virtual addresses.
 * - Preferred sources: a family without a virtual address takes an address of this host that lies inside the
 *   local selectors, if there is one, for what this host itself sends into the tunnel.
 * - Routes: the remote selectors and the pools, without what another route covers.
 * - Excluded: outer addresses of peers that a route would send into their own tunnel, and whatever our own sockets send, wherever a
 *   peer is going to be.
 * - Inside: peers whose outer address is what a selector names, as in transport mode. Everything for them goes into the
 *   device but for what our own sockets send.
 */
export function planTun(input: TunPlanInput): TunSettings {
  const { mtu, children, poolPrefixes, localSelectors = [], hostAddresses } = input;
  const ownSide = [...localSelectors, ...children.flatMap((child) => child.localSelectors)];
  const virtual = uniqueAddresses(children.flatMap((child) => child.virtualAddresses)).sort(
    compareAddresses,
  );
  const preferredSources = ([4, 6] as const).flatMap((version) => {
    if (virtual.some((address) => address.version === version)) return [];
    const own = hostAddresses.filter((address) => address.version === version);
    return own.filter((address) => isSelected(address, ownSide)).slice(0, 1);
  });
  const wanted = children.flatMap((child) => child.remoteSelectors.flatMap(selectorToPrefixes));
  const insidePeers = findInsidePeers(children);
  const all = uniquePrefixes([...poolPrefixes, ...wanted]);
  // The route to such a peer has a source of its own, whatever covers it.
  const isInside = (prefix: Prefix): boolean =>
    insidePeers.some(({ address }) => prefixesEqual(hostPrefix(address), prefix));
  const routes = all.filter((prefix) => isInside(prefix) || !isCovered(prefix, all));
  const peers = uniqueAddresses(children.map((child) => child.path.remote.address)).sort(
    compareAddresses,
  );
  const servers = uniqueAddresses(children.flatMap((child) => child.dns));
  const excluded = peers.filter(
    (peer) =>
      routes.some((route) => prefixContains(route, peer)) &&
      !insidePeers.some(({ address }) => addressesEqual(address, peer)),
  );
  const goesPast = insidePeers.length > 0 || excluded.length > 0;
  return {
    addresses: virtual.map(hostPrefix),
    routes,
    mtu,
    dns: servers.map((server) => ({ server })),
    excluded,
    preferredSources,
    ...(insidePeers.length > 0 ? { insidePeers } : {}),
    ...(goesPast ? { outsidePorts: input.outsidePorts ?? [] } : {}),
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
    sameList(a.insidePeers ?? [], b.insidePeers ?? [], insidePeersEqual) &&
    sameList(a.outsidePorts ?? [], b.outsidePorts ?? [], (one, other) => one === other) &&
    sameList(a.dns, b.dns, (one, other) => addressesEqual(one.server, other.server))
  );
}

function insidePeersEqual(a: InsidePeer, b: InsidePeer): boolean {
  const sources = [a.source, b.source].map((source) => source?.bytes.join('.'));
  return addressesEqual(a.address, b.address) && sources[0] === sources[1];
}

function isSelected(address: IpAddress, selectors: readonly TrafficSelector[]): boolean {
  return selectors.some((selector) =>
    selectorContains(
      { ...selector, protocol: 0, startPort: 0, endPort: 65535 },
      addressToSelector(address),
    ),
  );
}

function isCovered(prefix: Prefix, prefixes: readonly Prefix[]): boolean {
  return prefixes.some(
    (wider) => wider.length < prefix.length && prefixContains(wider, firstAddress(prefix)),
  );
}

/** Peers that a Child SA reaches at their outer address and nowhere else, each once, with our own outer address as the
 * source where that is selected.
 */
function findInsidePeers(children: readonly PlannedChild[]): InsidePeer[] {
  const found = new Map<string, InsidePeer>();
  for (const { path, localSelectors, remoteSelectors } of children) {
    const { address } = path.remote;
    const isPeer = ({ start, end }: TrafficSelector): boolean =>
      addressesEqual(start, address) && addressesEqual(end, address);
    if (!remoteSelectors.some(isPeer)) continue;
    const source = path.local.address;
    const isOurs = isSelected(source, localSelectors);
    const key = address.bytes.join('.');
    if (isOurs || !found.has(key)) found.set(key, { address, ...(isOurs ? { source } : {}) });
  }
  return [...found.values()];
}

/** Each once, in the order of their addresses: a Child SA that takes the place of another one changes nothing. */
function uniquePrefixes(prefixes: readonly Prefix[]): Prefix[] {
  const byKey = new Map(
    prefixes.map((prefix) => [`${prefix.address.bytes.join('.')}/${prefix.length}`, prefix]),
  );
  return [...byKey.values()].sort(
    (a, b) => compareAddresses(a.address, b.address) || a.length - b.length,
  );
}

/** Each once, in the order given: that of DNS servers is a preference. */
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
