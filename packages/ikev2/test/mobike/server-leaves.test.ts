import { msBetween } from '@ipsec-kit/clock';
import { type Endpoint, formatEndpoint, type Path } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { child, endpoint, selector } from '../pair.ts';
import { inShort, RoamingPair, SECOND, SERVER, updatesOf, WIFI } from './roaming-pair.ts';

const OUTSIDE = '203.0.113.9';

const between = (own: string, other: string) => ({
  children: [child({ localSelectors: [selector(own)], remoteSelectors: [selector(other)] })],
});

/** A client behind a NAT that maps it anew for each address of the server and lets in only what comes from there: what a server
 * sends from an address that the client never sent to does not come through.
 */
class SymmetricNatPair extends RoamingPair {
  readonly #ports = new Map<string, number>();
  readonly #inside = new Map<number, Path>();

  constructor() {
    super({
      client: between('10.1.0.0/16', '10.2.0.0/16'),
      server: between('10.2.0.0/16', '10.1.0.0/16'),
    });
    const beyond = this.wire;
    this.alive.add(OUTSIDE);
    this.wire = (flight) => {
      if (flight.from === 'client') {
        const isSendable = this.alive.has(WIFI);
        const path = { local: this.#outside(flight.path), remote: flight.path.remote };
        return isSendable ? beyond({ ...flight, path }) : [];
      }
      const inside = this.#inside.get(flight.path.remote.port);
      if (!inside || formatEndpoint(inside.remote) !== formatEndpoint(flight.path.local)) return [];
      const [arrival] = beyond(flight);
      const path = { local: flight.path.local, remote: inside.local };
      return arrival ? [{ flight: { ...flight, path } }] : [];
    };
    const { client } = this;
    const handle = client.handle.bind(client);
    client.handle = (input) => {
      const outputs = handle(input);
      for (const output of outputs)
        if (output.kind === 'send-keepalive') this.#carryKeepalive(output.path);
      return outputs;
    };
  }

  #outside({ local, remote }: Path): Endpoint {
    const key = `${formatEndpoint(local)} ${formatEndpoint(remote)}`;
    const port = this.#ports.get(key) ?? 20_000 + this.#ports.size;
    this.#ports.set(key, port);
    this.#inside.set(port, { local, remote });
    return endpoint(`${OUTSIDE}:${port}`);
  }

  #carryKeepalive(path: Path): void {
    const mapped = { local: path.remote, remote: this.#outside(path) };
    this.schedule(this.latencyMs, () =>
      this.server.handle({ kind: 'keepalive-received', now: this.now, path: mapped }),
    );
  }
}

describe('a server that loses its address, its client behind a NAT that lets in only what it asked for', () => {
  it('reaches it through the mapping that the client keeps towards its other address, in a round trip and a half (RFC 4555 §3.6)', () => {
    const pair = new SymmetricNatPair();
    pair.start([WIFI], [SERVER, SECOND]);
    const from = pair.now;
    pair.change(pair.server, [SERVER], [SECOND]).drive(60);
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SECOND}`]);
    expect(updatesOf(pair.client)).toHaveLength(1);
    pair.drive(100);
    expect(pair.espPaths(pair.server)).toEqual([`${SECOND} -> ${OUTSIDE}`]);
    const [moved] = pair.client.seen('addresses-updated');
    expect(moved && inShort(moved.to)).toBe(`${WIFI} -> ${SECOND}`);
    expect(pair.client.seen('liveness-check-started').at(-1)?.reason).toBe('baseline');
    expect(msBetween(from, pair.now)).toBeLessThan(200);
  });

  it('that says nothing is found at its other address by a busy client, three seconds after it left at the latest, with one update (RFC 4555 §3.8, §3.10)', () => {
    const pair = new SymmetricNatPair();
    pair.start([WIFI], [SERVER, SECOND]).drive(2_000);
    const from = pair.now;
    pair.alive.delete(SERVER);
    pair.beBusy(2_500);
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SECOND}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SECOND} -> ${OUTSIDE}`]);
    expect(msBetween(from, pair.now)).toBeLessThan(3_000);
    pair.drive(20_000);
    expect(updatesOf(pair.client)).toHaveLength(1);
    // That the other mapping has another port says nothing about the one in use.
    expect(pair.client.seen('mapping-changed')).toEqual([]);
    expect(pair.client.closeCode).toBeUndefined();
  });

  it('loses no more than a question to a silence that was nothing', () => {
    const pair = new SymmetricNatPair();
    pair.start([WIFI], [SERVER, SECOND]).drive(2_000);
    pair.beBusy(5_000);
    expect(pair.client.seen('liveness-check-started').map(({ reason }) => reason)).toEqual([
      'baseline',
      'one-way',
    ]);
    expect(updatesOf(pair.client)).toEqual([]);
  });
});

describe('a request about the path', () => {
  it('that found no route goes again as soon as there is one (RFC 4555 §3.5)', () => {
    const pair = new RoamingPair().start();
    pair.broken.add(`203.0.113.5 -> ${SERVER}`);
    pair.change(pair.client, [WIFI], ['203.0.113.5']).drive(120);
    pair.broken.clear();
    pair.client.handle({ kind: 'connectivity', now: pair.now });
    pair.drive(50);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> 203.0.113.5`]);
    pair.drive(5_000);
    expect(updatesOf(pair.client)).toHaveLength(1);
  });

  it('that found no route goes again within half a second when nobody tells of one, and not twice in less', () => {
    const pair = new RoamingPair().start();
    pair.broken.add(`203.0.113.5 -> ${SERVER}`);
    const from = pair.flights.length;
    pair.change(pair.client, [WIFI], ['203.0.113.5']);
    for (let i = 0; i < 40; i += 1) {
      pair.drive(10);
      pair.client.handle({ kind: 'connectivity', now: pair.now });
    }
    const sent = pair.flights.slice(from).filter((flight) => flight.from === 'client');
    expect(sent).toHaveLength(2);
    pair.broken.clear();
    pair.drive(150);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> 203.0.113.5`]);
  });

  it('ends a session that is being opened from another address in the time of its policy', () => {
    const retransmit = { timeoutMs: 500, base: 1.8, tries: 3, limitMs: 0, jitter: 0 };
    const pair = new RoamingPair({ clientSettings: { retransmit } });
    pair.change(pair.client, [], [WIFI]);
    pair.initiate();
    pair.drive(100);
    pair.change(pair.client, [WIFI], ['203.0.113.5']);
    pair.drive(60_000);
    expect(pair.client.closeCode).toBe('peer-unreachable');
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });
});
