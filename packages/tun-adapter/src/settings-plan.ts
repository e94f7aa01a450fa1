import {
  addressesEqual,
  formatAddress,
  formatPrefix,
  hostPrefix,
  type IpAddress,
  networkPrefix,
  type Prefix,
  prefixContains,
  prefixesEqual,
} from '@ipsec-kit/ip';
import { type PolicyRule, ruleArguments } from './policy-rule.ts';
import type { InsidePeer, TunSettings } from './tun-adapter.ts';

/** One thing that is added to the host, and taken away again, with the `ip` command. */
export interface HostChange {
  /** Two changes with the same key are the same thing. */
  readonly key: string;
  readonly kind: 'address' | 'rule' | 'route';
  readonly version: 4 | 6;
  /** Set for kind `route`: what it occupies. Adding another change with the same slot replaces this one in the kernel. */
  readonly slot?: string;
  /** Set for kind `rule`, which outlives the process. */
  readonly rule?: PolicyRule;
  /** Arguments of `ip` that add it. */
  readonly add: readonly string[];
  /** Arguments of `ip` that remove exactly this and nothing else. */
  readonly remove: readonly string[];
}

/** A device, and the routing table and rule priorities that are its own. */
export interface TunPlace {
  readonly device: string;
  readonly table: number;
  /** Rules that send packets to excluded addresses past the tunnel. */
  readonly excludedPriority: number;
  /** Rules behind those, for when nothing else leads to an excluded address. */
  readonly unreachablePriority: number;
  /** Rules that look the tunnel's routes up. */
  readonly tablePriority: number;
}

const TABLE_BASE = 4_500_000;
const PRIORITY_SPAN = 5_000;
const MOST_ENTRIES = 4096;

/** The table and priorities of a device. Its index makes them its own, so that several tunnels of several processes
 * stand beside one another; all excluded addresses come before all tunnels, and all before the main table (32766).
 */
export function tunPlace(device: string, interfaceIndex: number): TunPlace {
  const slot = interfaceIndex % PRIORITY_SPAN;
  return {
    device,
    table: TABLE_BASE + interfaceIndex,
    excludedPriority: 10_000 + slot,
    unreachablePriority: 15_000 + slot,
    tablePriority: 20_000 + slot,
  };
}

/** What the host must have for these settings, in the order in which it is to be added: addresses, then the ways
 * past the tunnel, then the routes into it, then the rules that make those routes count.
 */
export function planSettings(settings: TunSettings, place: TunPlace): HostChange[] {
  const routes = settings.routes.map(networkPrefix);
  const isRouted = (address: IpAddress): boolean =>
    routes.some((route) => prefixContains(route, address));
  const inside = (settings.insidePeers ?? []).filter(({ address }) => isRouted(address));
  const excluded = settings.excluded.filter(
    (address) => isRouted(address) && !inside.some((peer) => addressesEqual(peer.address, address)),
  );
  const ports = settings.outsidePorts ?? [];
  const versions = ([4, 6] as const).filter((version) =>
    routes.some(({ address }) => address.version === version),
  );
  return withoutRepeats([
    ...settings.addresses.map((address) => addressChange(address, place)),
    ...excluded.flatMap((address) => excludedChanges(address, place)),
    ...(excluded.length === 0 ? [] : portChanges(versions, ports, place)),
    ...inside.flatMap(({ address }) =>
      ports.flatMap((port) => excludedChanges(address, place, port)),
    ),
    ...routes.map((route) => routeChange(route, sourceOf(route, inside, settings), place)),
    ...versions.map((version) => tableChange(version, place)),
  ]);
}

function withoutRepeats(changes: readonly HostChange[]): HostChange[] {
  return [...new Map(changes.map((change) => [change.key, change])).values()];
}

function addressChange(address: Prefix, { device }: TunPlace): HostChange {
  const { version } = address.address;
  const what = [formatPrefix(address), 'dev', device];
  // Nobody else is on the link: duplicate address detection would only delay the address.
  const add = version === 6 ? [...what, 'nodad'] : what;
  return change('address', version, ['address', 'add', ...add], ['address', 'del', ...what]);
}

/** @param udpSourcePort - only what a socket of the tunnel sends from it; absent: everything. */
function excludedChanges(
  address: IpAddress,
  place: TunPlace,
  udpSourcePort?: number,
): HostChange[] {
  const { version } = address;
  const rule = { version, to: formatPrefix(hostPrefix(address)) };
  return pastTunnel(udpSourcePort === undefined ? rule : { ...rule, udpSourcePort }, place);
}

/** What the sockets of the tunnel send, wherever the peer is, was, or may be next: while it moves, its address is not known here yet. */
function portChanges(
  versions: readonly (4 | 6)[],
  ports: readonly number[],
  place: TunPlace,
): HostChange[] {
  return versions.flatMap((version) =>
    ports.flatMap((udpSourcePort) => pastTunnel({ version, udpSourcePort }, place)),
  );
}

function pastTunnel(rule: Omit<PolicyRule, 'priority' | 'action'>, place: TunPlace): HostChange[] {
  return [
    ruleChange({ ...rule, priority: place.excludedPriority, action: { lookup: 'main' } }),
    // Without it a packet to the peer would fall through to the tunnel while the host has no network: a loop.
    ruleChange({ ...rule, priority: place.unreachablePriority, action: 'unreachable' }),
  ];
}

/** The source for a route: that of the peer that it leads to and nowhere else, or the one of its family. */
function sourceOf(
  route: Prefix,
  inside: readonly InsidePeer[],
  settings: TunSettings,
): IpAddress | undefined {
  const peer = inside.find(({ address }) => prefixesEqual(hostPrefix(address), route));
  return peer?.source ?? preferredSource(route.address.version, settings);
}

function routeChange(route: Prefix, source: IpAddress | undefined, place: TunPlace): HostChange {
  const { version } = route.address;
  const what = [
    ...[formatPrefix(route), 'dev', place.device, 'table', String(place.table)],
    ...(source ? ['src', formatAddress(source)] : []),
    // With the scope of a link the kernel would look for the host's own gateways behind the tunnel,
    // and resolve a new default route to this device.
    ...(version === 4 ? ['scope', 'global'] : []),
  ];
  // The table is the tunnel's own, so replacing touches nobody else's route.
  const slot = `${version} ${formatPrefix(route)}`;
  return {
    ...change('route', version, ['route', 'replace', ...what], ['route', 'del', ...what]),
    slot,
  };
}

function tableChange(version: 4 | 6, place: TunPlace): HostChange {
  const action = { lookup: String(place.table) };
  return ruleChange({ version, priority: place.tablePriority, action });
}

/** What the caller prefers, else an address of the device; else the host chooses. */
function preferredSource(version: 4 | 6, settings: TunSettings): IpAddress | undefined {
  const candidates = [
    ...(settings.preferredSources ?? []),
    ...settings.addresses.map(({ address }) => address),
  ];
  return candidates.find((address) => address.version === version);
}

function ruleChange(rule: PolicyRule): HostChange {
  const add = ruleArguments('add', rule);
  const remove = ruleArguments('del', rule);
  return { key: add.join(' '), kind: 'rule', version: rule.version, rule, add, remove };
}

function change(
  kind: 'address' | 'route',
  version: 4 | 6,
  addition: readonly string[],
  removal: readonly string[],
): HostChange {
  const add = [`-${version}`, ...addition];
  return { key: add.join(' '), kind, version, add, remove: [`-${version}`, ...removal] };
}

/** Refuses settings that cannot be meant. @throws TypeError that names the field, what was expected and what came. */
export function checkSettings(settings: TunSettings): void {
  const { mtu, addresses, routes, dns, excluded } = settings;
  if (!Number.isInteger(mtu) || mtu < 576 || mtu > 65535) {
    throw new TypeError(`"mtu" expected 576 to 65535 bytes, got ${mtu}`);
  }
  const hasIpv6 = [...addresses, ...routes].some(({ address }) => address.version === 6);
  // RFC 8200 §5: every link that carries IPv6 has an MTU of at least 1280.
  if (hasIpv6 && mtu < 1280) {
    throw new TypeError(`"mtu" expected at least 1280 bytes for IPv6 (RFC 8200 §5), got ${mtu}`);
  }
  const { insidePeers = [], outsidePorts = [] } = settings;
  const counts = { addresses, routes, dns, excluded, insidePeers, outsidePorts };
  for (const [field, list] of Object.entries(counts)) {
    if (list.length > MOST_ENTRIES) {
      throw new TypeError(`"${field}" expected at most ${MOST_ENTRIES}, got ${list.length}`);
    }
  }
}
