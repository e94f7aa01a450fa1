import { createSeededRandom } from '@ipsec-kit/crypto';
import type { IpAddress, Prefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID, LINGER_MS } from '../../src/index.ts';
import { Pair } from '../pair.ts';

const ANY: IpAddress = { version: 4, bytes: new Uint8Array(4) };
const PREFIX: Prefix = { address: { version: 4, bytes: Uint8Array.of(10, 9, 0, 0) }, length: 24 };
const SCHEDULES = 150;

/** Reauthentications amid rekeys of either side, while a fifth of all datagrams is lost and others come twice and late. */
function run(seed: number): Pair {
  const random = createSeededRandom(`reauth/${seed}`);
  const byte = new Uint8Array(1);
  const draw = (): number => {
    random.fill(byte);
    return (byte[0] ?? 0) / 256;
  };
  const pair = new Pair({
    seed: `reauth/${seed}`,
    client: { makeBeforeBreak: true, virtualAddresses: [ANY] },
    server: { pools: ['p'] },
    pools: [{ name: 'p', addresses: { kind: 'prefix', prefix: PREFIX }, dns: [] }],
  }).open();
  pair.wire = (flight) => {
    if (draw() < 0.2) return [];
    const copies = draw() < 0.2 ? 2 : 1;
    return Array.from({ length: copies }, () => ({ flight, delayMs: draw() * 100 }));
  };
  for (let step = 0; step < 5; step += 1) {
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(draw() * 150);
    const side = draw() < 0.5 ? pair.client : pair.server;
    const sessionId = side === pair.client ? 1 : FIRST_RESPONDER_SESSION_ID;
    const [childId] = [...side.children.keys()].slice(-1);
    if (draw() < 0.4) side.command({ kind: 'rekey-ike', sessionId });
    else if (childId !== undefined) side.command({ kind: 'rekey-child', sessionId, childId });
    pair.drive(draw() * 20_000);
  }
  pair.wire = (flight) => [{ flight }];
  return pair.drive(600_000);
}

describe('reauthentication amid rekeys, loss, repetition and delay (RFC 7296 §2.8.3)', () => {
  it(`leaves one session, one lease and one Child SA that both ends agree on, in ${SCHEDULES} schedules`, () => {
    let reauthenticated = 0;
    for (let seed = 0; seed < SCHEDULES; seed += 1) {
      const pair = run(seed);
      const sizes = [pair.client.children.size, pair.server.children.size];
      expect([seed, sizes]).toEqual([seed, [1, 1]]);
      const [client] = pair.client.children.values();
      const [server] = pair.server.children.values();
      expect([seed, client?.inboundSpi]).toEqual([seed, server?.outboundSpi]);
      expect([seed, client?.outboundSpi]).toEqual([seed, server?.inboundSpi]);
      for (const host of [pair.client, pair.server]) {
        const ids = new Set(host.seen('session-opened').map(({ sessionId }) => sessionId));
        // A late copy of an IKE_SA_INIT request is half-open for a while, and then nothing.
        const closed = host.seen('session-closed').filter(({ sessionId }) => ids.has(sessionId));
        expect([seed, closed.length]).toEqual([seed, 0]);
        expect([seed, host.seen('session-opened').length]).toEqual([seed, 1]);
      }
      expect([seed, pair.server.pools.status()[0]?.online]).toEqual([seed, 1]);
      pair.client.command({ kind: 'close', sessionId: 1 });
      pair.drive(40_000 + LINGER_MS);
      expect([seed, pair.client.children.size, pair.server.children.size]).toEqual([seed, 0, 0]);
      expect([seed, pair.server.pools.status()[0]?.online]).toEqual([seed, 0]);
      expect([seed, pair.server.machine.nextDeadline()]).toEqual([seed, undefined]);
      reauthenticated += pair.client.seen('session-reauthenticated').length;
    }
    expect(reauthenticated).toBeGreaterThan(SCHEDULES * 2);
  });
});
