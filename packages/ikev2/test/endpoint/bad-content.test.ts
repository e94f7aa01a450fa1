import { createSeededRandom } from '@ipsec-kit/crypto';
import { ExchangeType, encodePayloads } from '@ipsec-kit/ikev2-codec';
import type { Prefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { child, type Flight, Pair, selector } from '../pair.ts';
import { RawClient } from '../raw-peer.ts';

const ROUNDS = 150;
const POOL: Prefix = {
  address: { version: 4, bytes: Uint8Array.of(10, 88, 0, 0) },
  length: 24,
};
const everything = [selector('0.0.0.0/0')];

/** Whole numbers below a limit, from a seed. */
function numbers(seed: string): (below: number) => number {
  const random = createSeededRandom(seed);
  const bytes = new Uint8Array(4);
  return (below) => {
    random.fill(bytes);
    return new DataView(bytes.buffer).getUint32(0) % below;
  };
}

/** A copy with a few bytes changed, cut off, or with a tail. */
function damage(bytes: Uint8Array, next: (below: number) => number): Uint8Array {
  const copy = bytes.slice();
  for (let changes = 1 + next(4); changes > 0 && copy.length > 0; changes -= 1) {
    const at = next(copy.length);
    copy[at] = next(3) === 0 ? next(256) : (copy[at] ?? 0) ^ (1 << next(8));
  }
  return next(8) === 0 ? copy.subarray(0, next(copy.length + 1)) : copy;
}

function pairOf(seed: string): Pair {
  return new Pair({
    seed,
    client: {
      virtualAddresses: [{ version: 4, bytes: new Uint8Array(4) }],
      children: [child({ remoteSelectors: everything })],
    },
    server: { pools: ['v4'], children: [child({ localSelectors: everything })], mobike: true },
    pools: [{ name: 'v4', addresses: { kind: 'prefix', prefix: POOL }, dns: [] }],
  });
}

/** Replaces what is inside one side's IKE_AUTH by a damaged copy, under the right keys. */
function withDamagedAuth(pair: Pair, from: 'client' | 'server', next: (below: number) => number) {
  const peer = new RawClient(pair);
  pair.wire = (flight: Flight) => {
    if (flight.from !== from || flight.data[18] !== ExchangeType.IKE_AUTH) return [{ flight }];
    const { firstPayload, bytes } = encodePayloads(peer.open(flight.data, from));
    const content = {
      firstPayload: next(20) === 0 ? next(256) : firstPayload,
      bytes: damage(bytes, next),
    };
    const header = {
      exchangeType: ExchangeType.IKE_AUTH,
      messageId: 1,
      isResponse: from === 'server',
    };
    return [{ flight: { ...flight, data: peer.seal(content, header, from) } }];
  };
}

describe('content that is damaged although it was protected (RFC 7296 §2.21.2, §2.21.3)', () => {
  for (const from of ['client', 'server'] as const) {
    it(`never throws and leaves nothing behind when it is in the IKE_AUTH of the ${from}`, () => {
      const next = numbers(`auth/${from}`);
      for (let round = 0; round < ROUNDS; round += 1) {
        const pair = pairOf(`${from}/${round}`);
        withDamagedAuth(pair, from, next);
        pair.open();
        pair.client.command({ kind: 'close', sessionId: 1 });
        pair.drive(400_000);
        expect(pair.client.children.size + pair.server.children.size, `round ${round}`).toBe(0);
        expect(pair.server.pools.status()[0]?.online, `round ${round}`).toBe(0);
        expect(pair.client.machine.nextDeadline()?.name, `round ${round}`).toBeUndefined();
      }
    });
  }

  it('is always answered in an established session, and ends it with INVALID_SYNTAX at most', () => {
    const next = numbers('established');
    const kinds = [ExchangeType.INFORMATIONAL, ExchangeType.CREATE_CHILD_SA, ExchangeType.IKE_AUTH];
    for (let round = 0; round < ROUNDS; round += 1) {
      const pair = pairOf(`established/${round}`).open();
      const peer = new RawClient(pair);
      const auth = pair.flights.find(
        ({ data, from }) => from === 'client' && data[18] === ExchangeType.IKE_AUTH,
      );
      if (!auth) throw new Error('no IKE_AUTH');
      const { bytes } = encodePayloads(peer.open(auth.data, 'client'));
      for (let turn = 0; turn < 6 && !pair.server.closeCode; turn += 1) {
        const exchangeType = kinds[next(3)] ?? ExchangeType.INFORMATIONAL;
        const firstPayload = next(3) === 0 ? next(256) : 33 + next(21);
        const answer = peer.request(
          { firstPayload, bytes: damage(bytes.subarray(next(bytes.length)), next) },
          { exchangeType },
        );
        expect(answer, `round ${round}`).toBeDefined();
      }
    }
  });
});
