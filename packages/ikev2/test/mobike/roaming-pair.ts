import type { Instant } from '@ipsec-kit/clock';
import {
  type Endpoint,
  formatAddress,
  type IpAddress,
  type Path,
  parseAddress,
} from '@ipsec-kit/ip';
import { endpoint, type Host, Pair, type PairOptions } from '../pair.ts';

export const WIFI = '192.0.2.1';
export const LTE = '203.0.113.5';
export const WIFI6 = '2001:db8:a::1';
export const SERVER = '198.51.100.1';
export const SECOND = '198.51.100.2';
export const SERVER6 = '2001:db8:b::1';

export function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`not an address: ${text}`);
  return parsed;
}

/** `192.0.2.1 -> 198.51.100.1` */
export function inShort({ local, remote }: Path): string {
  return `${formatAddress(local.address)} -> ${formatAddress(remote.address)}`;
}

export function path(local: string, remote: string): Path {
  const at = (text: string): Endpoint =>
    endpoint(text.includes(':') ? `[${text}]:4500` : `${text}:4500`);
  return { local: at(local), remote: at(remote) };
}

export const updatesOf = (host: Host): string[] =>
  host.story.filter((line) => line.includes('sent INFORMATIONAL request: N(UPDATE_SA'));

/** A pair whose hosts have several addresses, which come and go, and whose network has broken places. Both have MOBIKE. */
export class RoamingPair extends Pair {
  /** Addresses that packets can leave from and arrive at. */
  readonly alive: Set<string> = new Set();
  /** `from -> to` that lose everything. */
  readonly broken: Set<string> = new Set();
  /** Datagrams that were sent so far, per destination address, and their bytes. */
  readonly bytesTo: Map<string, number> = new Map();

  constructor(options: PairOptions = {}) {
    super({
      ...options,
      client: { mobike: true, ...options.client },
      server: { mobike: true, ...options.server },
    });
    this.wire = (flight) => {
      const from = formatAddress(flight.path.local.address);
      const to = formatAddress(flight.path.remote.address);
      if (!this.alive.has(from)) return [];
      this.bytesTo.set(to, (this.bytesTo.get(to) ?? 0) + flight.data.length);
      const isLost = !this.alive.has(to) || this.broken.has(`${from} -> ${to}`);
      return isLost ? [] : [{ flight }];
    };
  }

  /** The addresses of a host are these from now on, the preferred first, and it knows. */
  tell(host: Host, ...addresses: readonly string[]): this {
    const addressesOf = addresses.map(address);
    host.handle({ kind: 'local-addresses', now: this.now, addresses: addressesOf });
    return this;
  }

  /** They change in the network as well. */
  change(host: Host, before: readonly string[], after: readonly string[]): this {
    for (const text of before) this.alive.delete(text);
    for (const text of after) this.alive.add(text);
    return this.tell(host, ...after);
  }

  /** Opened from WiFi. */
  start(client: readonly string[] = [WIFI], server: readonly string[] = [SERVER]): this {
    this.change(this.client, [], client);
    this.change(this.server, [], server);
    this.open();
    return this;
  }

  /** The client sends and hears nothing, as its packet path tells it, for this long. */
  beBusy(ms: number): void {
    const childId = [...this.client.children.keys()][0] ?? 0;
    const tell = (packetsOut: number, lastInboundAt: Instant): void =>
      void this.client.handle({
        kind: 'traffic',
        now: this.now,
        children: [{ childId, packetsOut, lastInboundAt, lastOutboundAt: this.now }],
      });
    const heardAt = this.now;
    tell(1, heardAt);
    for (let i = 1; i <= ms / 50; i += 1) {
      this.drive(50);
      tell(1 + 5 * i, heardAt);
    }
  }

  /** Where the Child SAs of a host go; the path of the installation when none was moved. */
  espPaths(host: Host): string[] {
    return [...host.children.keys()].map((childId) => inShort(host.espPath(childId)));
  }

  /** Requests that a host sent since a time, retransmissions marked. */
  requestsOf(host: Host, since: number): string[] {
    return host
      .seen('message')
      .filter(({ direction, isResponse }) => direction === 'sent' && !isResponse)
      .slice(since)
      .map(
        ({ retransmission, payloads, path: over }) =>
          `${inShort(over)}${retransmission ? ' again' : ''}: ${payloads}`,
      );
  }
}
