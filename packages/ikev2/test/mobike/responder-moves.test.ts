import { describe, expect, it } from 'vitest';
import { endpoint } from '../pair.ts';
import { address, inShort, LTE, RoamingPair, SECOND, SERVER, WIFI } from './roaming-pair.ts';

const [SERVER_SESSION] = [1_000_000];

/** The server is to go from its first address to its second. */
function move(pair: RoamingPair, isOldGone = false): void {
  const command = { kind: 'move', sessionId: SERVER_SESSION, to: address(SECOND) } as const;
  pair.server.command(isOldGone ? { ...command, isOldGone } : command);
}

describe('a responder that moves', () => {
  it('sends its list from the new address, and the initiator follows within a round trip (RFC 4555 §3.6)', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER, SECOND]);
    move(pair);
    expect(pair.requestsOf(pair.server, 0)).toEqual([
      `${SECOND} -> ${WIFI}: N(NO_ADDITIONAL_ADDRESSES)`,
    ]);
    pair.drive(20);
    expect(pair.requestsOf(pair.client, 0).at(-1)).toContain(
      `${WIFI} -> ${SECOND}: N(UPDATE_SA_ADDRESSES)`,
    );
    pair.drive(40);
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SECOND}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SECOND} -> ${WIFI}`]);
  });

  it('has gone when its address is gone, ESP at once (RFC 4555 §3.5, §3.6)', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER, SECOND]);
    pair.change(pair.server, [SERVER], [SECOND]);
    expect(pair.espPaths(pair.server)).toEqual([`${SECOND} -> ${WIFI}`]);
    pair.drive(60);
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SECOND}`]);
  });

  it('tells of an address that comes or goes beside the one in use (RFC 4555 §3.6)', () => {
    const pair = new RoamingPair().start();
    pair.change(pair.server, [], [SERVER, SECOND]).drive(50);
    pair.change(pair.server, [SECOND], [SERVER]).drive(50);
    expect(pair.requestsOf(pair.server, 0)).toEqual([
      `${SERVER} -> ${WIFI}: N(ADDITIONAL_IP4_ADDRESS)`,
      `${SERVER} -> ${WIFI}: N(NO_ADDITIONAL_ADDRESSES)`,
    ]);
  });

  it('tries where keepalives to its new address came from, since a NAT may map that otherwise', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER, SECOND]);
    const remote = endpoint(`${WIFI}:61001`);
    const seen = { local: endpoint(`${SECOND}:4500`), remote };
    pair.server.handle({ kind: 'keepalive-received', now: pair.now, path: seen });
    const from = pair.flights.length;
    move(pair);
    const tried = pair.flights.slice(from);
    expect(tried.map(({ path }) => path.remote.port)).toEqual([4500, 61001]);
    expect(tried[1]?.data).toEqual(tried[0]?.data);
  });

  it('goes back when nobody hears it there, and lists both addresses again (RFC 4555 §3.6)', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER, SECOND]);
    pair.broken.add(`${SECOND} -> ${WIFI}`);
    move(pair);
    pair.drive(30_000);
    const requests = pair.requestsOf(pair.server, 0);
    expect(requests.filter((line) => line.startsWith(SECOND))).toHaveLength(5);
    expect(requests.slice(-2)).toEqual([
      `${SERVER} -> ${WIFI} again: N(NO_ADDITIONAL_ADDRESSES)`,
      `${SERVER} -> ${WIFI}: N(ADDITIONAL_IP4_ADDRESS)`,
    ]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${WIFI}`]);
    const sent = pair.flights.length;
    move(pair);
    expect(pair.flights).toHaveLength(sent);
  });

  it('that stays is silent at its old address until the initiator finds it at the new one (RFC 4555 §3.6)', () => {
    const pair = new RoamingPair({ server: { ifUnheard: 'stay' } }).start([WIFI], [SERVER, SECOND]);
    pair.broken.add(`${SECOND} -> ${WIFI}`);
    move(pair);
    pair.drive(20_000);
    pair.broken.clear();
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(20_000);
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SECOND}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SECOND} -> ${WIFI}`]);
    const old = pair.server
      .seen('message')
      .filter(({ isResponse, path }) => isResponse && inShort(path).startsWith(SERVER));
    expect(old.some(({ payloads }) => payloads.includes('COOKIE2'))).toBe(false);
  });

  it('gives a peer up that is nowhere, after minutes', () => {
    const pair = new RoamingPair().start([WIFI], [SERVER, SECOND]);
    pair.alive.delete(WIFI);
    move(pair, true);
    pair.drive(300_000);
    expect(pair.server.closeCode).toBeUndefined();
    pair.drive(120_000);
    expect(pair.server.closeCode).toBe('peer-dead');
  });

  it('moves while the initiator moves: both meet at their new addresses', () => {
    for (let ms = 0; ms < 40; ms += 5) {
      const pair = new RoamingPair().start([WIFI], [SERVER, SECOND]);
      pair.change(pair.client, [WIFI], [LTE]).drive(ms);
      pair.change(pair.server, [SERVER], [SECOND]).drive(60_000);
      expect([ms, ...pair.espPaths(pair.client)]).toEqual([ms, `${LTE} -> ${SECOND}`]);
      expect([ms, ...pair.espPaths(pair.server)]).toEqual([ms, `${SECOND} -> ${LTE}`]);
    }
  });
});

describe('an initiator behind a NAT', () => {
  it("keeps its mappings to the peer's other addresses, and no others, alive (RFC 4555 §3.6)", () => {
    const keepAliveForced = { keepaliveMs: 20_000, keepAliveForced: true };
    for (const isBehindNat of [true, false]) {
      const clientSettings = isBehindNat ? keepAliveForced : { keepaliveMs: 20_000 };
      const pair = new RoamingPair({ clientSettings }).start([WIFI], [SERVER, SECOND]);
      const places: string[] = [];
      const { handle } = pair.client;
      pair.client.handle = (input) => {
        const outputs = handle.call(pair.client, input);
        for (const output of outputs) {
          if (output.kind === 'send-keepalive') places.push(inShort(output.path));
        }
        return outputs;
      };
      pair.drive(200_000);
      const standby = places.filter((place) => place === `${WIFI} -> ${SECOND}`);
      expect(standby.length).toBeGreaterThanOrEqual(isBehindNat ? 8 : 0);
      expect(standby.length).toBeLessThanOrEqual(isBehindNat ? 11 : 0);
    }
  });
});
