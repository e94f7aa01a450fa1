import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { compareNonces, lowerNonce } from '../../src/collisions/lowest-nonce.ts';
import { type Host, Pair } from '../pair.ts';
import { RawClient } from '../raw-peer.ts';

function sessionOf(host: Host): number {
  return host.seen('session-opened')[0]?.sessionId ?? -1;
}

describe('the lowest nonce (RFC 7296 §2.8.1)', () => {
  it('is found octet by octet, and is the shorter one where that is the beginning of the other', () => {
    expect(compareNonces(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBeLessThan(0);
    expect(compareNonces(Uint8Array.of(2), Uint8Array.of(1, 255, 255))).toBeGreaterThan(0);
    expect(compareNonces(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0))).toBeLessThan(0);
    expect(compareNonces(Uint8Array.of(7), Uint8Array.of(7))).toBe(0);
    expect(lowerNonce(Uint8Array.of(9), Uint8Array.of(4))).toEqual(Uint8Array.of(4));
  });

  for (const what of ['child', 'ike'] as const) {
    it(`decides between two rekeys of one ${what} as the messages on the wire say`, () => {
      const losers = new Set<string>();
      for (let seed = 0; seed < 10; seed += 1) {
        const pair = new Pair({ seed: `nonce/${seed}` }).open();
        const raw = new RawClient(pair);
        const nonces: { nonce: Uint8Array; creator: string }[] = [];
        // Read as they leave: the keys of an IKE SA that was replaced are erased.
        pair.wire = (flight) => {
          const { data, from } = flight;
          if (data[18] === ExchangeType.CREATE_CHILD_SA) {
            const nonce = raw.open(data, from).find((payload) => payload.type === 'Nonce');
            const isResponse = ((data[19] ?? 0) & 0x20) !== 0;
            const other = from === 'client' ? 'server' : 'client';
            if (nonce?.type !== 'Nonce') throw new Error('no nonce');
            nonces.push({ nonce: nonce.data.slice(), creator: isResponse ? other : from });
          }
          return [{ flight }];
        };
        for (const host of [pair.client, pair.server]) {
          const sessionId = sessionOf(host);
          const [childId = -1] = host.children.keys();
          if (what === 'child') host.command({ kind: 'rekey-child', sessionId, childId });
          else host.command({ kind: 'rekey-ike', sessionId });
        }
        pair.drive(2_000);
        expect(nonces).toHaveLength(4);
        nonces.sort((a, b) => compareNonces(a.nonce, b.nonce));
        const loser = nonces[0]?.creator ?? 'nobody';
        losers.add(loser);
        const events =
          what === 'child'
            ? pair.client.seen('child-rekeyed')
            : pair.client.seen('session-rekeyed');
        expect(events.map(({ by }) => by)).toEqual([loser === 'client' ? 'peer' : 'local']);
      }
      expect(losers.size).toBe(2);
    });
  }
});
