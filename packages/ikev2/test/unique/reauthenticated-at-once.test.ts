import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { CLIENT_500, CLIENT_4500, Pair, SERVER_500, SERVER_4500 } from '../pair.ts';

const SEEDS = 12;

function callBack(pair: Pair): void {
  pair.server.command({
    kind: 'initiate',
    sessionId: 1,
    connection: 'home',
    path: { local: SERVER_500, remote: CLIENT_500 },
    marker: false,
    floatTo: { local: SERVER_4500, remote: CLIENT_4500 },
  });
}

/** The Child SAs of both ends are the same one. */
function expectOne(pair: Pair, what: unknown): void {
  expect([what, pair.client.children.size, pair.server.children.size]).toEqual([what, 1, 1]);
  const [client] = pair.client.children.values();
  const [server] = pair.server.children.values();
  expect([what, client?.inboundSpi]).toEqual([what, server?.outboundSpi]);
}

describe('two IKE SAs that both ends opened at once (RFC 7296 §2.8.1, §2.8.3)', () => {
  for (const makeBeforeBreak of [false, true]) {
    it(`are one in the end, whichever is reauthenticated while both stand${makeBeforeBreak ? ', make before break' : ''}`, () => {
      for (let seed = 0; seed < SEEDS; seed += 1) {
        const pair = new Pair({
          seed: `at-once/${seed}`,
          client: { makeBeforeBreak },
          server: { makeBeforeBreak },
        });
        // Whatever deletes one of the two gets lost at first.
        pair.wire = (flight) =>
          flight.data[18] === ExchangeType.INFORMATIONAL ? [] : [{ flight }];
        pair.initiate();
        callBack(pair);
        pair.drive(500);
        const opened = pair.client.seen('session-opened');
        expect([seed, opened.length]).toEqual([seed, 2]);
        pair.wire = (flight) => [{ flight }];
        const { sessionId } = opened[seed % 2] ?? { sessionId: 1 };
        pair.client.command({ kind: 'reauthenticate', sessionId });
        pair.drive(900_000);
        expectOne(pair, seed);
      }
    });
  }

  it('come not to be when the peer opens its own before we have asked for ours, which goes on under our name', () => {
    const pair = new Pair();
    // The server's request waits for a retransmission.
    pair.wire = (flight) => (flight.from === 'server' ? [] : [{ flight }]);
    callBack(pair);
    pair.drive(100);
    pair.wire = (flight) => [{ flight }];
    pair.initiate();
    pair.drive(2_000);
    expectOne(pair, 'opened');
    expect(pair.server.seen('session-opened')).toMatchObject([{ sessionId: 1, by: 'peer' }]);
    // It breaks before it makes: what the server asked for first must not come on top of it.
    pair.server.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(900_000);
    expectOne(pair, 'reauthenticated');
    for (const host of [pair.client, pair.server]) {
      const ids = new Set(host.seen('session-opened').map(({ sessionId }) => sessionId));
      const closed = host.seen('session-closed').map(({ sessionId }) => sessionId);
      expect([...ids].filter((id) => !closed.includes(id))).toHaveLength(1);
    }
  });
});
