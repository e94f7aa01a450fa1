import { describe, expect, it } from 'vitest';
import type { PairOptions } from '../pair.ts';
import { inShort, LTE, path, RoamingPair, SECOND, SERVER, WIFI } from './roaming-pair.ts';

const THIRD = '203.0.113.99';

/** A pair whose client is told when it has no route. */
class RoutedPair extends RoamingPair {
  /** `from -> to` over which its system refuses to send. */
  readonly noRoute: Set<string> = new Set();
  refused = 0;

  constructor(options: PairOptions = {}) {
    super(options);
    const { wire } = this;
    this.wire = (flight) => {
      if (flight.from !== 'client' || !this.noRoute.has(inShort(flight.path))) return wire(flight);
      this.refused += 1;
      this.schedule(0, () => this.say(flight.path));
      return [];
    };
  }

  say(over: ReturnType<typeof path>): void {
    this.client.handle({ kind: 'send-failed', now: this.now, path: over });
  }

  ask(): void {
    this.client.command({ kind: 'check-liveness', sessionId: 1 });
  }
}

describe('an initiator whose host cannot send (RFC 4555 §3.5, §3.10)', () => {
  it('goes on over the next pair of addresses within three round trips, with the outstanding request itself', () => {
    const pair = new RoutedPair().start([WIFI, LTE], [SERVER, SECOND]);
    pair.noRoute.add(`${WIFI} -> ${SERVER}`).add(`${LTE} -> ${SERVER}`);
    const from = pair.flights.length;
    pair.ask();
    pair.drive(60);
    const [first, second, third] = pair.flights.slice(from);
    expect([first, second, third].map((flight) => flight && inShort(flight.path))).toEqual([
      `${WIFI} -> ${SERVER}`,
      `${LTE} -> ${SERVER}`,
      `${WIFI} -> ${SECOND}`,
    ]);
    expect(second?.data).toEqual(first?.data);
    expect(third?.data).toEqual(first?.data);
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SECOND}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SECOND} -> ${WIFI}`]);
  });

  it('asks, where nothing is out, and so finds the way as soon', () => {
    const pair = new RoutedPair().start([WIFI, LTE], [SERVER]);
    pair.noRoute.add(`${WIFI} -> ${SERVER}`);
    pair.say(path(WIFI, SERVER));
    pair.drive(60);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
    expect(pair.client.seen('addresses-updated')).toHaveLength(1);
  });

  it('finishes a move whose update did not leave, from the address from which one does', () => {
    const pair = new RoutedPair().start([WIFI], [SERVER]);
    pair.noRoute.add(`${LTE} -> ${SERVER}`);
    pair.change(pair.client, [WIFI], [LTE, THIRD]).drive(100);
    expect(pair.espPaths(pair.client)).toEqual([`${THIRD} -> ${SERVER}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${THIRD}`]);
  });

  it('makes no storm of it, however often it is told, and is there when there is a route again', () => {
    const pair = new RoutedPair().start([WIFI, LTE], [SERVER, SECOND]);
    const all = [WIFI, LTE].flatMap((own) => [SERVER, SECOND].map((peer) => [own, peer] as const));
    for (const [own, peer] of all) pair.noRoute.add(`${own} -> ${peer}`);
    const from = pair.flights.length;
    for (let i = 0; i < 6_000; i += 1) {
      for (const [own, peer] of all) pair.say(path(own, peer));
      pair.drive(10);
    }
    expect(pair.flights.length - from).toBeLessThan(100);
    expect(pair.client.closeCode).toBeUndefined();
    pair.noRoute.clear();
    pair.drive(20_000);
    expect(pair.client.closeCode).toBeUndefined();
    expect(pair.client.seen('liveness-confirmed').length).toBeGreaterThan(0);
  });

  it('asks nothing over the only path there is, which is no worse for a missing route than for a loss', () => {
    const pair = new RoutedPair().start([WIFI], [SERVER]);
    pair.noRoute.add(`${WIFI} -> ${SERVER}`);
    const from = pair.flights.length;
    for (let i = 0; i < 100; i += 1) {
      pair.say(path(WIFI, SERVER));
      pair.drive(100);
    }
    expect(pair.flights.length).toBe(from);
  });

  it('asks once in five seconds about a path of which it is told again and again, though it is answered each time', () => {
    const pair = new RoutedPair().start([WIFI, LTE], [SERVER]);
    const asked = () => pair.client.seen('liveness-check-started').length;
    const before = asked();
    for (let i = 0; i < 40; i += 1) {
      pair.say(path(WIFI, SERVER));
      pair.drive(100);
    }
    expect(asked() - before).toBe(1);
    pair.drive(2_000);
    pair.say(path(WIFI, SERVER));
    pair.drive(100);
    expect(asked() - before).toBe(2);
  });

  it('asks nothing where the other way is known to be as closed', () => {
    const pair = new RoutedPair().start([WIFI, LTE], [SERVER]);
    const from = pair.flights.length;
    pair.say(path(LTE, SERVER));
    pair.say(path(WIFI, SERVER));
    pair.drive(1_000);
    expect(pair.flights.length).toBe(from);
  });

  it('takes no notice of a path that is none of its own, nor as responder, which asks and does not choose', () => {
    const pair = new RoutedPair().start([WIFI, LTE], [SERVER, SECOND]);
    const from = pair.flights.length;
    pair.say(path(THIRD, SERVER));
    pair.server.handle({ kind: 'send-failed', now: pair.now, path: path(SERVER, WIFI) });
    pair.drive(5_000);
    expect(pair.flights.length).toBe(from);
  });
});
