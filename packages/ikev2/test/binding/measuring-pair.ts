import type { Endpoint } from '@ipsec-kit/ip';
import type { SessionEvent } from '../../src/index.ts';
import { child, endpoint, type Flight, Pair, type PairOptions, selector } from '../pair.ts';

const here = [selector('10.1.0.0/16')];
const there = [selector('10.2.0.0/16')];

/** Both ends do MOBIKE, and the client measures. */
export const MEASURING: PairOptions = {
  client: {
    mobike: true,
    bindingDiscovery: true,
    children: [child({ localSelectors: here, remoteSelectors: there })],
  },
  server: { mobike: true, children: [child({ localSelectors: there, remoteSelectors: here })] },
  clientSettings: { keepaliveDpdMarginMs: 20_000 },
};

interface Mapping {
  readonly inside: Endpoint;
  readonly outside: Endpoint;
  diesAt: number;
}

/** A client behind a NAT that forgets what is idle for `lifetimeMs`, and gives another port then. */
export class MeasuringPair extends Pair {
  lifetimeMs: number;
  /** Whether the datagram is lost. */
  loses: (flight: Flight) => boolean = () => false;
  readonly #mappings: Mapping[] = [];
  #nextPort = 20_000;

  constructor(lifetimeMs: number, options: PairOptions = MEASURING) {
    super(options);
    this.lifetimeMs = lifetimeMs;
    this.wire = (flight) => {
      const translated = this.loses(flight) ? undefined : this.#translate(flight);
      return translated ? [{ flight: translated }] : [];
    };
  }

  /** In a network from the start, with everything settled. */
  override open(networkKey: string | undefined = 'wifi'): this {
    this.tellNetwork(networkKey);
    return super.open();
  }

  tellNetwork(networkKey: string | undefined): void {
    this.client.handle({ kind: 'network', now: this.now, networkKey });
  }

  /** The NAT sees the 0xFF and the ESP of the client as well. */
  renew(): void {
    this.#out(endpoint('192.0.2.1:4500'));
  }

  /** Lets time pass in which the keepalives of the client reach the NAT. */
  rest(ms: number): this {
    const end = this.now + ms;
    let seen = this.client.keepalives.length;
    while (this.now < end) {
      this.drive(Math.min(500, end - this.now));
      if (this.client.keepalives.length > seen) this.renew();
      seen = this.client.keepalives.length;
    }
    return this;
  }

  /** What the client tells of intervals. */
  get discovered(): Extract<SessionEvent, { kind: 'binding-discovered' }>[] {
    return this.client.seen('binding-discovered');
  }

  /** What left from scratch ports. */
  get probes(): Flight[] {
    return this.flights.filter(({ from, path }) => from === 'client' && path.local.port > 50_000);
  }

  #out(inside: Endpoint): Endpoint {
    const known = this.#mappings.find(
      (one) => one.inside.port === inside.port && one.diesAt > this.now,
    );
    if (known) {
      known.diesAt = this.now + this.lifetimeMs;
      return known.outside;
    }
    this.#nextPort += 1;
    const outside = endpoint(`203.0.113.9:${this.#nextPort}`);
    this.#mappings.push({ inside, outside, diesAt: this.now + this.lifetimeMs });
    return outside;
  }

  #translate(flight: Flight): Flight | undefined {
    const { local, remote } = flight.path;
    if (flight.from === 'client') {
      return { ...flight, path: { local: this.#out(local), remote } };
    }
    const mapping = this.#mappings.find(
      ({ outside, diesAt }) => outside.port === remote.port && diesAt > this.now,
    );
    return mapping && { ...flight, path: { local, remote: mapping.inside } };
  }
}
