import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { RETIRED_CHILD_MS } from '../../src/child/retire-child.ts';
import { COLLISIONS, type OwnWork } from '../../src/collisions/table.ts';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { type Flight, Pair } from '../pair.ts';
import { Scene } from './scene.ts';

const SIDES = ['client', 'server'] as const;
/** Work that can go on beside a Child SA that the peer has replaced already. */
const BESIDE: readonly OwnWork[] = [
  'idle',
  'closing-same-child',
  'rekeying-ike',
  'both-rekeying-ike',
  'following-up-ike',
  'rekeyed-ike',
];

describe('a Child SA that the peer has replaced and deletes (RFC 7296 §2.8, §2.25.1, §2.25.2)', () => {
  for (const work of BESIDE) {
    for (const side of SIDES) {
      it(`is not sent on any more, but what has replaced it is: ${work}, as ${side}`, () => {
        const scene = new Scene(side, work);
        const { own } = scene;
        const [oldId] = own.children.keys();
        expect(scene.ask('rekey-child')).toBe('as-usual');
        const freshId = [...own.children.keys()].at(-1);
        scene.begin(work);
        const before = own.activations.length;
        expect(own.activations).not.toContain(freshId);
        scene.ask('delete-child');
        expect(own.activations.slice(before)).toEqual([freshId]);
        expect(own.deactivations).toEqual([oldId]);
        // It still receives.
        expect([...own.children.keys()]).toContain(oldId);
        const cell = COLLISIONS['delete-child'][work === 'idle' ? 'peer-rekeyed-same-child' : work];
        expect(cell.effect).toBe('keep-replacement');
      });
    }
  }
});

function isInformational({ from, data }: Flight, side: 'client' | 'server'): boolean {
  return from === side && data[18] === ExchangeType.INFORMATIONAL;
}

/** The client has replaced the Child SA; before it can say so the server's user closes it, and what the client says is lost. */
function closedAcross(): Pair {
  const pair = new Pair().open();
  const [childId = 0] = pair.server.children.keys();
  pair.wire = (flight) => (isInformational(flight, 'client') ? [] : [{ flight }]);
  pair.client.command({ kind: 'rekey-child', sessionId: 1, childId });
  pair.drive(15);
  const sessionId = FIRST_RESPONDER_SESSION_ID;
  pair.server.command({ kind: 'close-child', sessionId, childId, reason: 'as asked' });
  return pair.drive(50);
}

describe('a replaced Child SA that both sides delete at once (RFC 7296 §1.4.1)', () => {
  it('receives until our own DELETE is answered, since the peer may have no sign of the other yet', () => {
    const pair = closedAcross();
    const { client, server } = pair;
    const [oldId = 0, freshId] = client.children.keys();
    pair.drive(4 * RETIRED_CHILD_MS);
    expect([...client.children.keys()]).toEqual([oldId, freshId]);
    // Nothing more leaves on it.
    expect([client.deactivations, client.activations]).toEqual([[oldId], []]);
    // The server, whose own DELETE has no answer, may only send on the old one.
    expect(server.activations).toEqual([]);
    pair.wire = (flight) => [{ flight }];
    pair.drive(60_000);
    expect([client.children.size, server.children.size]).toEqual([0, 0]);
    expect([client.removedTwice, server.removedTwice]).toEqual([0, 0]);
    for (const host of [client, server]) expect(host.seen('child-closed')).toHaveLength(1);
  });
});

describe('a redundant Child SA whose DELETE is answered (RFC 7296 §2.8.1)', () => {
  it('moves nothing to the other one, of which the peer may not know yet', () => {
    let redundant = 0;
    for (let seed = 0; seed < 8; seed += 1) {
      const pair = new Pair({ seed: `redundant/${seed}` }).open();
      const { client, server } = pair;
      // What the server asks for is answered, but it does not hear of that.
      pair.wire = (flight) => {
        const isAnswer = ((flight.data[19] ?? 0) & 0x20) !== 0;
        const isCreation = flight.data[18] === ExchangeType.CREATE_CHILD_SA;
        return isCreation && isAnswer && flight.from === 'client' ? [] : [{ flight }];
      };
      const [childId = 0] = client.children.keys();
      client.command({ kind: 'rekey-child', sessionId: 1, childId });
      const sessionId = FIRST_RESPONDER_SESSION_ID;
      server.command({ kind: 'rekey-child', sessionId, childId });
      pair.drive(2_000);
      expect(client.activations).toEqual([]);
      if (client.seen('child-rekeyed').length === 0) redundant += 1;
      pair.wire = (flight) => [{ flight }];
      pair.drive(60_000);
      expect([client.children.size, server.children.size]).toEqual([1, 1]);
    }
    expect(redundant).toBeGreaterThan(0);
  });
});
