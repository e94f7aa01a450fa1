import { ExchangeType, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { CLIENT_4500, type Flight, Pair, type PairOptions, SERVER_4500 } from '../pair.ts';
import { RawPeer } from '../raw-peer.ts';

const QUIET: PairOptions = { client: { sendInitialContact: false } };

/** A client that asks for two IKE SAs in the place of one at the same moment, and has its own mind about what to delete: as
 * strongSwan does when it is told to reauthenticate a name that two IKE SAs have for a moment.
 */
function askTwice(pair: Pair): void {
  for (const sessionId of [2, 3]) askAgain(pair, sessionId);
}

function askAgain(pair: Pair, sessionId: number): void {
  pair.client.command({
    kind: 'initiate',
    sessionId,
    connection: 'home',
    path: { local: CLIENT_4500, remote: SERVER_4500 },
    marker: true,
  });
}

describe('a peer that reauthenticates twice at once (RFC 7296 §2.8.3)', () => {
  it('gets both, and we delete what nobody else would', () => {
    const pair = new Pair(QUIET).open().drive(40_000);
    askTwice(pair);
    pair.drive(10_000);
    expect(pair.client.seen('session-opened').map(({ sessionId }) => sessionId)).toEqual([1, 2, 3]);
    const closed = pair.client.seen('session-closed');
    expect(closed.map(({ sessionId, failure }) => [sessionId, failure.code]).sort()).toEqual([
      [1, 'peer-deleted'],
      [2, 'peer-deleted'],
    ]);
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(2);
    expect([...pair.client.children.values()].map(({ sessionId }) => sessionId)).toEqual([3]);
  });

  it('moves outbound before it deletes what the peer may drop at once', () => {
    const pair = new Pair(QUIET).open().drive(40_000);
    const from = pair.now;
    askTwice(pair);
    pair.drive(10_000);
    const steps = pair.server.steps.filter(({ at }) => at >= from);
    const activated = steps.find(({ what }) => what === 'activate 3')?.at ?? 0;
    const deleted =
      steps.filter(({ what }) => what === 'sent INFORMATIONAL request').at(-1)?.at ?? 0;
    expect(activated).toBeGreaterThan(0);
    expect(deleted).toBeGreaterThan(activated);
  });

  it('does not get what it has given up waiting for: the next copy of a request that waited is waited for', () => {
    const pair = new Pair(QUIET).open().drive(40_000);
    let asked = 0;
    pair.wire = (flight) => {
      const isAuth = flight.from === 'client' && flight.data[18] === ExchangeType.IKE_AUTH;
      if (isAuth) asked += 1;
      return isAuth && asked > 2 ? [] : [{ flight }];
    };
    askTwice(pair);
    pair.drive(60_000);
    expect(asked).toBeGreaterThan(2);
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.server.children.size).toBe(2);
    expect(pair.server.activations).not.toContain(3);
  });
});

describe('a peer that reauthenticates when we do, and answers ours at once, as strongSwan does (RFC 7296 §2.8.3)', () => {
  it('has its Child SA replaced by ours, which is neither closed nor made a second time, whichever is installed first', () => {
    const made: unknown[][] = [];
    for (let seed = 0; seed < 4; seed += 1) {
      for (let apartMs = 0; apartMs <= 48; apartMs += 3) {
        const pair = new Pair({
          ...QUIET,
          server: { makeBeforeBreak: true },
          installDelayMs: 8,
          seed: `${seed}`,
        });
        pair.open().drive(40_000);
        const sessionId = FIRST_RESPONDER_SESSION_ID;
        pair.server.command({ kind: 'reauthenticate', sessionId });
        pair.drive(apartMs);
        askAgain(pair, 2);
        pair.drive(10_000);
        const { story } = pair.server;
        const anew = story.filter((line) => line.includes('CREATE_CHILD_SA')).length;
        const closed = pair.server.seen('child-closed').length;
        made.push([seed, apartMs, closed, anew]);
      }
    }
    expect(made).toEqual(made.map(([seed, apartMs]) => [seed, apartMs, 0, 0]));
  });

  it('leaves none of our IKE SAs behind when it began before the one that ours replaced was gone, and has asked since', () => {
    const pair = new Pair({ ...QUIET, server: { makeBeforeBreak: true } }).open().drive(40_000);
    const before = pair.server.seen('session-reauthenticated').length;
    pair.server.command({ kind: 'reauthenticate', sessionId: FIRST_RESPONDER_SESSION_ID });
    while (pair.server.seen('session-reauthenticated').length === before) pair.drive(1);
    const isAnswer = ({ from, data }: Flight): boolean =>
      from === 'server' && data[18] === ExchangeType.IKE_SA_INIT;
    pair.wire = (flight) => [{ flight, delayMs: isAnswer(flight) ? 300 : 0 }];
    askAgain(pair, 2);
    pair.drive(10_000);
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(2);
    expect(pair.server.children.size).toBe(1);
    expect([...pair.client.children.values()].map(({ sessionId }) => sessionId)).toEqual([2]);
  });

  it('leaves none behind either when it deletes what ours has replaced, and then opens another: it breaks before it makes', () => {
    const pair = new Pair({ ...QUIET, server: { makeBeforeBreak: true } }).open().drive(40_000);
    pair.server.command({ kind: 'reauthenticate', sessionId: FIRST_RESPONDER_SESSION_ID });
    while (pair.server.seen('session-reauthenticated').length === 0) pair.drive(1);
    new RawPeer(pair, 'client').request([{ type: 'D', protocol: ProtocolId.IKE, spis: [] }]);
    pair.drive(1_000);
    askAgain(pair, 2);
    pair.drive(10_000);
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(2);
    expect(pair.server.children.size).toBe(1);
    expect([...pair.client.children.values()].map(({ sessionId }) => sessionId)).toContain(2);
  });

  it('leaves none behind either when it deletes the old one while our IKE_AUTH is on its way, and then opens another', () => {
    const pair = new Pair({ ...QUIET, server: { makeBeforeBreak: true } }).open().drive(40_000);
    const isAnswer = ({ from, data }: Flight): boolean =>
      from === 'client' && data[18] === ExchangeType.IKE_AUTH;
    pair.wire = (flight) => [{ flight, delayMs: isAnswer(flight) ? 300 : 0 }];
    pair.server.command({ kind: 'reauthenticate', sessionId: FIRST_RESPONDER_SESSION_ID });
    pair.drive(100);
    new RawPeer(pair, 'client').request([{ type: 'D', protocol: ProtocolId.IKE, spis: [] }]);
    pair.drive(1_000);
    expect(pair.server.seen('session-interrupted')).toHaveLength(1);
    askAgain(pair, 2);
    pair.drive(10_000);
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.server.children.size).toBe(1);
    expect([...pair.client.children.values()].map(({ sessionId }) => sessionId)).toContain(2);
  });
});
