import { RequestWindow } from '@ipsec-kit/retransmit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { child, type Host, Pair, type PairOptions } from '../pair.ts';

function requestsOf(host: Host): number {
  return host.story.filter((line) => line.startsWith('sent CREATE_CHILD_SA request')).length;
}

function firstChild(host: Host): number {
  return [...host.children.keys()][0] ?? -1;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('message ids that run out (RFC 7296 §2.2, §2.25)', () => {
  it('are no reason to ask at once again for a rekey that the peer has put off', () => {
    const pair = new Pair({ jitters: true }).open();
    vi.spyOn(RequestWindow.prototype, 'remainingMessageIds', 'get').mockReturnValue(5_000);
    // The server's DELETE of a Child SA never arrives: each rekey of the IKE SA meanwhile is put off.
    pair.wire = (flight) => {
      const isOwnRequest = flight.from === 'server' && ((flight.data[19] ?? 0) & 0x20) === 0;
      return isOwnRequest ? [] : [{ flight }];
    };
    const sessionId = pair.server.seen('session-opened')[0]?.sessionId ?? -1;
    const childId = firstChild(pair.server);
    pair.server.command({ kind: 'close-child', sessionId, childId, reason: 'test' });
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(20_000);
    expect(requestsOf(pair.client)).toBeGreaterThan(2);
    expect(requestsOf(pair.client)).toBeLessThan(10);
    expect(pair.client.closeCode).toBeUndefined();
  });

  it('leave the last one for the end of the IKE SA, and another is opened in its place', () => {
    const pair = new Pair().open();
    const last = vi.spyOn(RequestWindow.prototype, 'remainingMessageIds', 'get').mockReturnValue(1);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    last.mockRestore();
    pair.drive(1_000);
    const asked = pair.client.story.filter((line) => line.startsWith('sent INFORMATIONAL'));
    expect(asked).toEqual(['sent INFORMATIONAL request: D']);
    expect(pair.server.closeCode).toBe('peer-deleted');
    expect(pair.client.seen('session-opened')).toHaveLength(2);
    expect(pair.client.children.size).toBe(1);
  });
});

describe('limits of bytes and packets (RFC 7296 §2.8)', () => {
  it('move the responder to a replacement that waits, when the old Child SA carries nothing any more', () => {
    const pair = new Pair().open();
    // The DELETE and all packets of the initiator are lost.
    pair.wire = (flight) =>
      flight.from === 'client' && flight.data[18] === 37 ? [] : [{ flight }];
    const childId = firstChild(pair.server);
    pair.client.command({ kind: 'rekey-child', sessionId: 1, childId: firstChild(pair.client) });
    pair.drive(500);
    const reached = { kind: 'child-limit', now: pair.now, childId } as const;
    pair.server.handle({ ...reached, limit: 'soft' });
    expect(pair.server.activations).toEqual([]);
    pair.server.handle({ ...reached, limit: 'hard' });
    expect(pair.server.activations).toHaveLength(1);
  });

  it('that are reached again start no second rekey while one is under way or put off (RFC 7296 §2.25)', () => {
    const pair = new Pair({ jitters: true }).open();
    const childId = firstChild(pair.client);
    pair.server.installRefusal = 'no room';
    for (let round = 0; round < 40; round += 1) {
      const limit = round % 2 === 0 ? 'soft' : 'hard';
      pair.client.handle({ kind: 'child-limit', now: pair.now, childId, limit });
      pair.drive(50);
    }
    expect(requestsOf(pair.client)).toBeGreaterThan(1);
    expect(requestsOf(pair.client)).toBeLessThan(5);
  });
});

describe('an end of life while a request of hours has no answer (RFC 7296 §2.1, §2.8)', () => {
  const patient = {
    retransmit: { timeoutMs: 4_000, base: 1.8, tries: 200, limitMs: 60_000, jitter: 0 },
  };

  /** The peer is gone, and was asked before the end of life whether it is there. */
  function silent(client: PairOptions['client'] & object): Pair {
    const pair = new Pair({ client, clientSettings: patient }).open();
    pair.wire = () => [];
    pair.drive(40_000);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    return pair;
  }

  it('is that of the IKE SA all the same, and another is tried for in its place', () => {
    const pair = silent({ rekeyMs: 60_000, overMs: 10_000 });
    pair.drive(140_000);
    expect(pair.client.children.size).toBe(0);
    const [end] = [
      ...pair.client.seen('session-closed'),
      ...pair.client.seen('session-interrupted'),
    ];
    expect(end?.failure.code).toBe('lifetime-over');
  });

  it('is that of a Child SA all the same, and the peer is told when it is back', () => {
    const pair = silent({ children: [child({ hardLifetimeMs: 60_000 })] });
    pair.drive(100_000);
    expect(pair.client.children.size).toBe(0);
    expect(pair.client.seen('child-closed')).toHaveLength(1);
    expect(pair.server.children.size).toBe(1);
    pair.wire = (flight) => [{ flight }];
    pair.drive(200_000);
    expect(pair.server.children.size).toBe(0);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
    expect(pair.client.removedTwice).toBe(0);
  });
});
