import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { Pair, type PairOptions } from '../pair.ts';

const MBB: PairOptions = { client: { makeBeforeBreak: true }, server: { makeBeforeBreak: true } };
const sessionId = FIRST_RESPONDER_SESSION_ID;

/** The Child SA that a host sent on last, as its packet path was told. */
function inUse(pair: Pair, side: 'client' | 'server'): string | undefined {
  return pair[side].steps
    .map(({ what }) => what)
    .filter(
      (what) => /^activate/.test(what) || (/^install/.test(what) && !/inbound only/.test(what)),
    )
    .at(-1);
}

describe('a reauthentication that meets a rekey of the peer on the old IKE SA (RFC 7296 §2.8, §2.8.3)', () => {
  it('keeps outbound on the new IKE SA, whatever the peer then deletes or sends on', () => {
    const left: unknown[] = [];
    for (let apartMs = 0; apartMs <= 60; apartMs += 3) {
      const pair = new Pair(MBB).open().drive(40_000);
      pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
      pair.drive(apartMs);
      const [childId = 0] = [...pair.server.children.keys()];
      pair.server.command({ kind: 'rekey-child', sessionId, childId });
      while (pair.client.seen('session-reauthenticated').length === 0) pair.drive(1);
      // A packet on whatever waits for one.
      for (const id of [...pair.client.children.keys()]) {
        pair.client.handle({ kind: 'child-first-inbound', now: pair.now, childId: id });
      }
      pair.drive(90);
      const own = inUse(pair, 'client')?.match(/\d+/)?.[0];
      pair.drive(60_000);
      const [kept] = pair.client.children.keys();
      left.push([
        apartMs,
        Number(own) === kept,
        pair.client.children.size,
        pair.server.children.size,
      ]);
    }
    expect(left).toEqual(left.map((_, index) => [index * 3, true, 1, 1]));
  });
});
