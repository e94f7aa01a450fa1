import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, Pair, selector } from '../pair.ts';

const CHILDREN = [1, 2].map((n) => {
  const both = [selector(`10.${n}.0.0/16`)];
  return child({ name: `net-${n}`, localSelectors: both, remoteSelectors: both });
});

it('a reauthentication that moves nothing but the Child SA whose answer has not come yet is no second session (RFC 7296 §2.8.3)', () => {
  const side = { makeBeforeBreak: true, children: CHILDREN };
  const pair = new Pair({ client: side, server: side }).open().drive(40_000);
  const { client, server } = pair;
  const sessionId = FIRST_RESPONDER_SESSION_ID;
  const [childId = 0] = server.children.keys();
  // The answer is late, and the DELETE of the only one that the client knows is lost.
  pair.wire = (flight) => {
    if (flight.from !== 'server') return [{ flight }];
    if (flight.data[18] === ExchangeType.INFORMATIONAL) return [];
    const isCreation = flight.data[18] === ExchangeType.CREATE_CHILD_SA;
    return [{ flight, delayMs: isCreation ? 500 : 0 }];
  };
  client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
  pair.drive(50);
  server.command({ kind: 'close-child', sessionId, childId, reason: 'as asked' });
  server.command({ kind: 'reauthenticate', sessionId });
  pair.drive(2_000);
  pair.wire = (flight) => [{ flight }];
  pair.drive(300_000);
  for (const host of [client, server]) {
    expect(host.seen('session-opened')).toHaveLength(1);
    expect(host.seen('session-reauthenticated')).toHaveLength(1);
    expect([...host.children.values()].map(({ config }) => config.name)).toEqual(['net-2']);
  }
});
