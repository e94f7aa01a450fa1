import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { RETIRED_CHILD_MS } from '../../src/child/retire-child.ts';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, Pair, type PairOptions } from '../pair.ts';

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
    for (let round = 0; round < 42; round += 1) {
      const apartMs = (round >> 1) * 3;
      // A packet path in another thread answers while the peer goes on.
      const answerDelayMs = round % 2 === 0 ? 0 : 15;
      const pair = new Pair({ ...MBB, answerDelayMs }).open().drive(40_000);
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
        round,
        Number(own) === kept,
        pair.client.children.size,
        pair.server.children.size,
      ]);
    }
    expect(left).toEqual(left.map((_, index) => [index, true, 1, 1]));
  });

  it('has the responder send on the new Child SA once the peer has ended what its rekey of the IKE SA had made', () => {
    const pair = new Pair(MBB).open().drive(40_000);
    // Both rekey the IKE SA. The client never sees the request of the server, and its own DELETE of the old one is lost.
    const [first] = pair.flights;
    pair.wire = (flight) => {
      const isRequest = ((flight.data[19] ?? 0) & 0x20) === 0;
      const isOld = flight.data.subarray(0, 8).join() === first?.data.subarray(0, 8).join();
      const isDelete = flight.data[18] === ExchangeType.INFORMATIONAL;
      return isOld && isRequest && (isDelete || flight.from === 'server') ? [] : [{ flight }];
    };
    pair.server.command({ kind: 'rekey-ike', sessionId });
    pair.client.command({ kind: 'rekey-ike', sessionId: 1 });
    pair.drive(40);
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    while (pair.client.seen('session-reauthenticated').length === 0) pair.drive(1);
    pair.drive(RETIRED_CHILD_MS);
    expect(inUse(pair, 'server')).toBe('activate 2');
    expect(pair.client.children.has(2)).toBe(true);
  });

  it('goes to what the peer has rekeyed when the new Child SA cannot be installed', () => {
    const pair = new Pair({ ...MBB, answerDelayMs: 15 }).open().drive(40_000);
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    while (!pair.client.story.slice(-1)[0]?.startsWith('sent IKE_AUTH')) pair.drive(1);
    const [childId = 0] = [...pair.server.children.keys()];
    pair.server.command({ kind: 'rekey-child', sessionId, childId });
    while (!pair.client.story.some((line) => line.startsWith('sent CREATE_CHILD_SA')))
      pair.drive(1);
    pair.client.installRefusal = 'no room';
    pair.drive(60_000);
    const [kept] = pair.client.children.keys();
    expect(kept).toBe(2);
    expect(pair.client.activations).toEqual([2]);
    expect(pair.server.children.size).toBe(1);
  });

  it('does so when the rekey is over while the new Child SA is being installed', () => {
    for (let extraMs = 0; extraMs <= 80; extraMs += 4) {
      const pair = new Pair({ ...MBB, answerDelayMs: 15 }).open().drive(40_000);
      pair.wire = (flight) => {
        const isRekey = flight.data[18] === ExchangeType.CREATE_CHILD_SA;
        return [{ flight, delayMs: isRekey && flight.from === 'client' ? extraMs : 0 }];
      };
      const before = pair.flights.length;
      pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
      const isAsked = (): boolean =>
        pair.flights.slice(before).some(({ data }) => data[18] === ExchangeType.IKE_AUTH);
      while (!isAsked()) pair.drive(1);
      const [childId = 0] = [...pair.server.children.keys()];
      pair.server.command({ kind: 'rekey-child', sessionId, childId });
      while (pair.client.seen('session-reauthenticated').length === 0) pair.drive(1);
      pair.drive(50);
      const used = inUse(pair, 'client');
      pair.drive(60_000);
      const [kept] = pair.client.children.keys();
      expect([extraMs, Number(used?.match(/\d+/)?.[0])]).toEqual([extraMs, kept]);
    }
  });

  it('replaces what the peer has rekeyed meanwhile, and closes and makes nothing more, whichever is installed first', () => {
    const made: unknown[][] = [];
    for (const side of ['client', 'server'] as const) {
      for (let apartMs = 0; apartMs <= 48; apartMs += 3) {
        const pair = new Pair({ ...MBB, installDelayMs: 8 }).open().drive(40_000);
        const other = side === 'client' ? 'server' : 'client';
        const [childId = 0] = [...pair[other].children.keys()];
        const own = { client: 1, server: sessionId };
        pair[side].command({ kind: 'reauthenticate', sessionId: own[side] });
        pair.drive(apartMs);
        pair[other].command({ kind: 'rekey-child', sessionId: own[other], childId });
        pair.drive(60_000);
        const anew = pair[side].story.filter((line) => line.startsWith('sent CREATE_CHILD_SA req'));
        const closed = [pair.client, pair.server].flatMap((host) => host.seen('child-closed'));
        made.push([side, apartMs, pair[side].children.size, anew.length, closed.length]);
      }
    }
    expect(made).toEqual(made.map(([side, apartMs]) => [side, apartMs, 1, 0, 0]));
  });
});

/** Our rekey on the old IKE SA has its answer only after the new one stands, and after the DELETE of what it was to replace. */
function rekeyAnsweredLate(): Pair {
  const server = { ...MBB.server, children: [child({ hardLifetimeMs: 39_500 })] };
  const pair = new Pair({ ...MBB, server }).open().drive(38_000);
  const begunAt = pair.now;
  pair.wire = (flight) => {
    const exchange = flight.data[18];
    const isHeld = exchange === ExchangeType.CREATE_CHILD_SA && flight.from === 'server';
    const isLost = isHeld && pair.now < begunAt + 3_500;
    return isLost ? [] : [{ flight, delayMs: isHeld ? 1_000 : 0 }];
  };
  pair.client.command({ kind: 'rekey-child', sessionId: 1, childId: 1 });
  return pair.drive(100);
}

describe('a reauthentication that meets a rekey of ours on the old IKE SA, whose answer is late (RFC 7296 §2.8, §2.25.1)', () => {
  it('moves what that replaces, and nothing else, where the peer has deleted it before the answer comes', () => {
    const pair = rekeyAnsweredLate();
    const { client, server } = pair;
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(10_000);
    for (const host of [client, server]) {
      expect(host.seen('session-reauthenticated')).toHaveLength(1);
      expect(host.seen('child-opened')).toHaveLength(1);
      expect(host.seen('child-closed')).toEqual([]);
    }
  });
});

it('the late answer to a rekey on the old IKE SA leaves outbound where the reauthentication has moved it (RFC 7296 §2.8.3)', () => {
  const pair = new Pair(MBB).open().drive(40_000);
  const heldUntil = pair.now + 3_000;
  pair.wire = (flight) => {
    const isAnswer = flight.from === 'server' && flight.data[18] === ExchangeType.CREATE_CHILD_SA;
    return isAnswer && pair.now < heldUntil ? [] : [{ flight }];
  };
  pair.client.command({ kind: 'rekey-child', sessionId: 1, childId: 1 });
  pair.drive(15);
  pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
  pair.drive(4_500);
  expect(pair.client.children.has(3)).toBe(true);
  expect(inUse(pair, 'client')).toBe('install 2 for 1');
  pair.drive(60_000);
  expect(inUse(pair, 'client')).toBe('install 2 for 1');
  expect([...pair.client.children.keys()]).toEqual([2]);
});

it('a Child SA that its user closes while we rekey it is closed, also where the peer deletes it before the answer to that (RFC 7296 §2.25.1)', () => {
  const pair = rekeyAnsweredLate();
  const { client, server } = pair;
  client.command({ kind: 'close-child', sessionId: 1, childId: 1, reason: 'as asked' });
  pair.drive(30_000);
  expect([client.children.size, server.children.size]).toEqual([0, 0]);
});
