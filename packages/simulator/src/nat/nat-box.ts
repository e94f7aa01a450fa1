import type { Instant } from '@ipsec-kit/clock';
import { formatAddress, formatEndpoint, type IpAddress } from '@ipsec-kit/ip';
import type { Datagram } from '../network/datagram.ts';
import { RandomStream } from '../network/random-stream.ts';
import { type Mapping, MappingTable, type NatMapping } from './mapping-table.ts';
import { type EndpointDependence, type NatSettings, requireNatSettings } from './nat-settings.ts';
import { PortPool } from './port-pool.ts';

/** What a NAT makes of a datagram: another one, or nothing. */
export type NatVerdict =
  | { readonly kind: 'passed'; readonly datagram: Datagram; readonly isNewMapping: boolean }
  | { readonly kind: 'lost'; readonly reason: string };

/** What a NAT has done. */
export interface NatCounters {
  /** Mappings that were made. */
  mapped: number;
  /** Mappings that ran out, that a full table gave up, and that a reboot lost. */
  expired: number;
  evicted: number;
  rebooted: number;
  outward: number;
  inward: number;
  /** Datagrams from outside that found no mapping, and those that the filter kept out. */
  unmapped: number;
  filtered: number;
}

interface ExternalAddress {
  readonly address: IpAddress;
  readonly ports: PortPool;
}

/** The translation of a NAT for UDP, without a network: datagrams go in and come out with other ends.
 * @see RFC 4787 §4 (mapping), §5 (filtering)
 */
export class NatBox {
  readonly #settings: NatSettings;
  readonly #seed: number | string;
  readonly #random: RandomStream;
  readonly #table: MappingTable;
  #external: readonly ExternalAddress[];
  readonly #counters: NatCounters = {
    mapped: 0,
    expired: 0,
    evicted: 0,
    rebooted: 0,
    outward: 0,
    inward: 0,
    unmapped: 0,
    filtered: 0,
  };

  /** @throws RangeError on settings that make no sense, or without an address. */
  constructor(settings: NatSettings, addresses: readonly IpAddress[], seed: number | string) {
    this.#settings = requireNatSettings(settings);
    this.#seed = seed;
    this.#random = new RandomStream(`${seed}/pooling`);
    this.#external = this.#poolsOf(addresses);
    this.#table = new MappingTable(settings.lifetimeMs, settings.maxMappings, (mapping, end) => {
      this.#counters[end] += 1;
      this.#poolOf(mapping)?.ports.free(mapping.outside.port);
    });
  }

  get counters(): Readonly<NatCounters> {
    return { ...this.#counters };
  }

  get addresses(): readonly IpAddress[] {
    return this.#external.map(({ address }) => address);
  }

  /** Mappings that live at `now`, the one that was quiet for longest first. */
  mappings(now: Instant): readonly NatMapping[] {
    return this.#table.living(now).map(({ inside, outside, createdAt, refreshedAt }) => ({
      inside,
      outside,
      createdAt,
      refreshedAt,
    }));
  }

  /** Loses all mappings, as in a loss of power. @param addresses - the external ones from now on, when they change. */
  reboot(now: Instant, addresses?: readonly IpAddress[]): void {
    this.#counters.rebooted += this.#table.clear(now);
    for (const { ports } of this.#external) ports.clear();
    if (addresses) this.#external = this.#poolsOf(addresses);
  }

  /** A datagram of a host inside. It always refreshes its mapping: RFC 4787 §4.3 (REQ-6). */
  outward(datagram: Datagram, now: Instant): NatVerdict {
    const { from, to } = datagram;
    const { mapping: dependence, filtering } = this.#settings;
    const insideKey = `${formatEndpoint(from)}>${remoteKey(dependence, to)}`;
    const known = this.#table.ofInside(insideKey, now);
    const mapping = known ?? this.#newMapping(insideKey, datagram, now);
    if (!mapping) return { kind: 'lost', reason: 'no address or port left' };
    this.#table.refresh(mapping, now);
    this.#table.admit(mapping, remoteKey(filtering, to), now);
    this.#counters.outward += 1;
    const passed = { ...datagram, from: mapping.outside };
    return { kind: 'passed', datagram: passed, isNewMapping: known === undefined };
  }

  /** A datagram from outside to one of the external addresses. */
  inward(datagram: Datagram, now: Instant): NatVerdict {
    const { filtering, refresh } = this.#settings;
    const mapping = this.#table.ofOutside(formatEndpoint(datagram.to), now);
    if (!mapping) {
      this.#counters.unmapped += 1;
      return { kind: 'lost', reason: 'no mapping' };
    }
    const remote = remoteKey(filtering, datagram.from);
    if (filtering !== 'endpoint-independent' && !this.#table.admits(mapping, remote, now)) {
      this.#counters.filtered += 1;
      return { kind: 'lost', reason: 'filtered' };
    }
    if (refresh === 'both') {
      this.#table.refresh(mapping, now);
      this.#table.admit(mapping, remote, now);
    }
    this.#counters.inward += 1;
    return {
      kind: 'passed',
      datagram: { ...datagram, to: mapping.inside },
      isNewMapping: false,
    };
  }

  #newMapping(insideKey: string, { from }: Datagram, now: Instant): Mapping | undefined {
    this.#table.makeRoom(now);
    const external = this.#choose(from.address);
    const port = external?.ports.take(from.port);
    if (!external || port === undefined) return undefined;
    const outside = { address: external.address, port };
    const mapping: Mapping = {
      inside: from,
      outside,
      createdAt: now,
      refreshedAt: now,
      insideKey,
      outsideKey: formatEndpoint(outside),
      remotes: new Map(),
    };
    this.#table.add(mapping);
    this.#counters.mapped += 1;
    return mapping;
  }

  /** RFC 4787 §4.1 (REQ-2): "paired" gives a host the same external address for all its ports. */
  #choose(inside: IpAddress): ExternalAddress | undefined {
    const usable = this.#external.filter(({ address }) => address.version === inside.version);
    if (this.#settings.pooling === 'arbitrary') return usable[this.#random.below(usable.length)];
    const sum = inside.bytes.reduce((total, byte) => total + byte, 0);
    return usable[sum % usable.length];
  }

  #poolOf({ outside }: NatMapping): ExternalAddress | undefined {
    const text = formatAddress(outside.address);
    return this.#external.find(({ address }) => formatAddress(address) === text);
  }

  #poolsOf(addresses: readonly IpAddress[]): readonly ExternalAddress[] {
    if (addresses.length === 0) throw new RangeError('nat: "addresses" expected at least one');
    return addresses.map((address) => {
      const random = new RandomStream(`${this.#seed}/${formatAddress(address)}/ports`);
      return { address, ports: new PortPool(this.#settings.ports, random) };
    });
  }
}

function remoteKey(dependence: EndpointDependence, remote: Datagram['to']): string {
  switch (dependence) {
    case 'endpoint-independent':
      return '*';
    case 'address-dependent':
      return formatAddress(remote.address);
    case 'address-and-port-dependent':
      return formatEndpoint(remote);
  }
}
