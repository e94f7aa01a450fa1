import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, type Flight, type Host, Pair, selector } from '../pair.ts';

const sessionId = FIRST_RESPONDER_SESSION_ID;
const CHILDREN = ['a', 'b'].map((name, index) => {
  const both = [selector(`10.${index}.0.0/16`)];
  return child({ name, localSelectors: both, remoteSelectors: both });
});
const OPTIONS = { children: CHILDREN, makeBeforeBreak: true };

function names({ children }: Host): string[] {
  return [...children.values()].map(({ config }) => config.name);
}

function isOf({ data }: Flight, exchange: number): boolean {
  return data[18] === exchange;
}

function isAnswer({ data }: Flight): boolean {
  return ((data[19] ?? 0) & 0x20) !== 0;
}

function ikeSaOf({ data }: Flight): string {
  return data.subarray(0, 16).join();
}

describe('a Child SA of a new IKE SA takes the place of the one that it was asked for to move (RFC 7296 §2.8.3)', () => {
  it('and not of another of the name that was made since, where the peer has closed that', () => {
    const pair = new Pair({ client: OPTIONS, server: OPTIONS }).open();
    const { client, server } = pair;
    // The answer to IKE_AUTH is late.
    const answeredAt = pair.now + 3_000;
    pair.wire = (flight) => {
      const isLost = flight.from === 'server' && isOf(flight, ExchangeType.IKE_AUTH);
      return isLost && pair.now < answeredAt ? [] : [{ flight }];
    };
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    while (!client.story.at(-1)?.startsWith('sent IKE_AUTH')) pair.drive(1);
    server.command({ kind: 'close-child', sessionId, childId: 1, reason: 'asked' });
    while (client.seen('child-closed').length === 0) pair.drive(1);
    client.command({ kind: 'create-child', sessionId: 1, child: 'a' });
    while (client.seen('child-opened').length < 2) pair.drive(1);
    expect(client.seen('session-reauthenticated')).toHaveLength(0);
    pair.drive(60_000);
    expect(client.seen('session-reauthenticated')).toHaveLength(1);
    expect([names(client), names(server)]).toEqual([['a'], ['a']]);
  });

  // Of two seeds one has the lower nonce for the client's rekey, the other for the server's.
  it.each(['one', 'three'])(
    'and not of one like it that both sides are about to replace, whoever wins that: %s',
    (seed) => {
      const pair = new Pair({ client: OPTIONS, server: OPTIONS, seed }).open();
      const { client, server } = pair;
      for (let count = 0; count < 2; count += 1) {
        client.command({ kind: 'create-child', sessionId: 1, child: 'b' });
      }
      pair.drive(40_000);
      // Both sides rekey the first of the two: nobody hears the client at first, and later it has no answer for a while.
      const begunAt = pair.now;
      let old = '';
      pair.wire = (flight) => {
        if (!isOf(flight, ExchangeType.CREATE_CHILD_SA)) return [{ flight }];
        old ||= ikeSaOf(flight);
        const isLate = isAnswer(flight) && ikeSaOf(flight) === old;
        const heardAfterMs = flight.from === 'client' ? 3_000 : isLate ? 8_000 : 0;
        return pair.now - begunAt < heardAfterMs ? [] : [{ flight }];
      };
      client.command({ kind: 'rekey-child', sessionId: 1, childId: 2 });
      server.command({ kind: 'rekey-child', sessionId, childId: 2 });
      pair.drive(1_000);
      client.command({ kind: 'reauthenticate', sessionId: 1 });
      pair.drive(60_000);
      for (const host of [client, server]) {
        expect(host.seen('session-reauthenticated')).toHaveLength(1);
        expect(host.seen('child-closed')).toHaveLength(0);
        expect(names(host).sort()).toEqual(['a', 'b', 'b']);
      }
    },
  );
});
