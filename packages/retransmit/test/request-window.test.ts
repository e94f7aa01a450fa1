import { addMs, type Instant, instantFromMs } from '@ipsec-kit/clock';
import {
  DEFAULT_RETRANSMIT_POLICY,
  MAX_MESSAGE_ID,
  type NewRequest,
  RequestWindow,
  retransmitSpanMs,
} from '@ipsec-kit/retransmit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const start = instantFromMs(1_000);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const request = (now: Instant, extra: Partial<NewRequest> = {}): NewRequest => ({
  now,
  name: 'INFORMATIONAL',
  datagrams: [bytes(1, 2, 3)],
  ...extra,
});

/** Calls the window at each of its deadlines until nothing is left; returns what happened when, from the start. */
function drive(window: RequestWindow): { afterMs: number; did: string }[] {
  const log: { afterMs: number; did: string }[] = [];
  for (let next = window.nextDeadline(); next; next = window.nextDeadline()) {
    const action = window.onTimeout(next.at);
    const did = action.kind === 'give-up' ? action.reason : action.kind;
    log.push({ afterMs: Math.round(next.at - start), did });
  }
  return log;
}

describe('retransmission of a request (RFC 7296 §2.1, §2.4)', () => {
  it('sends five times more, then gives up after 165 s', () => {
    const window = new RequestWindow();
    expect(window.send(request(start))).toEqual({ ok: true, messageId: 0 });
    expect(drive(window)).toEqual([
      { afterMs: 4000, did: 'retransmit' },
      { afterMs: 11_200, did: 'retransmit' },
      { afterMs: 24_160, did: 'retransmit' },
      { afterMs: 47_488, did: 'retransmit' },
      { afterMs: 89_478, did: 'retransmit' },
      { afterMs: 165_061, did: 'no-response' },
    ]);
    expect(window.permission()).toEqual({ ok: false, code: 'gave-up' });
  });

  it('leaves the pace and the end to a caller that tries several paths (RFC 4555 §3.11)', () => {
    const window = new RequestWindow();
    window.send(request(start));
    expect(window.pace(7, start, 2_500)).toBe(false);
    for (let round = 1; round <= 40; round += 1) {
      expect(window.pace(0, addMs(start, (round - 1) * 2_500), 2_500)).toBe(true);
      expect(window.nextDeadline()?.at).toBe(addMs(start, round * 2_500));
      const action = window.onTimeout(addMs(start, round * 2_500));
      expect(action).toMatchObject({ kind: 'retransmit', request: { isPaced: true } });
    }
  });

  it('sends once more in a hurry, which does not count among the tries', () => {
    const window = new RequestWindow();
    window.send(request(start));
    expect(window.hasten(7, addMs(start, 500))).toBe(false);
    expect(window.hasten(0, addMs(start, 4_000))).toBe(false);
    expect(window.hasten(0, addMs(start, 500))).toBe(true);
    expect(drive(window)).toEqual([
      { afterMs: 500, did: 'retransmit' },
      { afterMs: 4_500, did: 'retransmit' },
      { afterMs: 11_700, did: 'retransmit' },
      { afterMs: 24_660, did: 'retransmit' },
      { afterMs: 47_988, did: 'retransmit' },
      { afterMs: 89_978, did: 'retransmit' },
      { afterMs: 165_561, did: 'no-response' },
    ]);
  });

  it('goes on as its policy says, and gives up when that does, however often the caller repeats a request of its own accord', () => {
    const window = new RequestWindow();
    window.send(request(start));
    const before = window.nextDeadline();
    window.noteRepeated(7, addMs(start, 100));
    for (let n = 1; n <= 20; n += 1) window.noteRepeated(0, addMs(start, 100 * n));
    const [repeated] = window.outstanding;
    expect(repeated).toMatchObject({ lastSentAt: addMs(start, 2_000), transmissions: 21 });
    expect(window.nextDeadline()).toEqual(before);
    const log = drive(window);
    expect(log[0]).toEqual({ afterMs: 4_000, did: 'retransmit' });
    expect(log.at(-1)).toEqual({ afterMs: 165_061, did: 'no-response' });
  });

  it('ends a paced request with what it serves', () => {
    const window = new RequestWindow();
    window.send(request(start, { notAfter: addMs(start, 5_000) }));
    window.pace(0, start, 60_000);
    expect(drive(window)).toEqual([{ afterMs: 5_000, did: 'lifetime-ended' }]);
  });

  it('sends all fragments again, bitwise identical, even when the caller reuses its buffers', () => {
    const window = new RequestWindow();
    const fragments = [bytes(1, 1), bytes(2, 2), bytes(3, 3)];
    window.send(request(start, { datagrams: fragments }));
    for (const fragment of fragments) fragment.fill(0);
    const action = window.onTimeout(addMs(start, 4000));
    expect(action).toMatchObject({
      kind: 'retransmit',
      request: {
        messageId: 0,
        transmissions: 2,
        datagrams: [bytes(1, 1), bytes(2, 2), bytes(3, 3)],
      },
    });
  });

  it('does nothing before its deadline', () => {
    const window = new RequestWindow();
    window.send(request(start));
    expect(window.onTimeout(addMs(start, 3999))).toEqual({ kind: 'nothing' });
    expect(new RequestWindow().onTimeout(start)).toEqual({ kind: 'nothing' });
  });

  it('counts the next wait from a late timeout, so that tries are not fired back to back', () => {
    const window = new RequestWindow();
    window.send(request(start));
    const late = addMs(start, 3_600_000);
    expect(window.onTimeout(late).kind).toBe('retransmit');
    expect(window.onTimeout(late).kind).toBe('nothing');
    expect(window.nextDeadline()?.at).toBe(late + 7200);
  });

  it('stops when the response has come', () => {
    const window = new RequestWindow();
    window.send(request(start));
    expect(window.acknowledge(0)).toMatchObject({ messageId: 0, transmissions: 1 });
    expect(window.nextDeadline()).toBeUndefined();
    expect(window.acknowledge(0)).toBeUndefined();
  });

  it('ends with the lifetime of what it serves, however many tries are left', () => {
    const window = new RequestWindow({ policy: { ...DEFAULT_RETRANSMIT_POLICY, tries: 1000 } });
    window.send(request(start, { notAfter: addMs(start, 10_000) }));
    expect(drive(window)).toEqual([
      { afterMs: 4000, did: 'retransmit' },
      { afterMs: 10_000, did: 'lifetime-ended' },
    ]);
  });

  it('does not send once more when both the wait and the lifetime are over', () => {
    const window = new RequestWindow();
    window.send(request(start, { notAfter: addMs(start, 10_000) }));
    expect(window.onTimeout(addMs(start, 60_000))).toMatchObject({ reason: 'lifetime-ended' });
  });

  it('follows the policy of the exchange, with jitter from its own stream', () => {
    const window = new RequestWindow({ jitterFraction: () => 0.5 });
    const policy = { timeoutMs: 1000, base: 2, tries: 1, limitMs: 0, jitter: 0.2 };
    window.send(request(start, { policy }));
    expect(drive(window)).toEqual([
      { afterMs: 900, did: 'retransmit' },
      { afterMs: 2700, did: 'no-response' },
    ]);
  });

  it('names its deadline and says how late it may be', () => {
    const window = new RequestWindow();
    window.send(request(start, { name: 'IKE_AUTH' }));
    expect(window.nextDeadline()).toEqual({
      name: 'retransmit IKE_AUTH',
      at: addMs(start, 4000),
      toleranceMs: 200,
      wake: 'device',
    });
  });

  it('never sends more often than the policy says, nor after its end, for any times of the calls', () => {
    const steps = fc.array(fc.nat({ max: 100_000 }), { maxLength: 100 });
    fc.assert(
      fc.property(steps, fc.nat({ max: 8 }), fc.nat({ max: 500_000 }), (gaps, tries, lifeMs) => {
        const window = new RequestWindow({ policy: { ...DEFAULT_RETRANSMIT_POLICY, tries } });
        const notAfter = addMs(start, lifeMs);
        window.send(request(start, { notAfter }));
        let now = start;
        let sent = 1;
        let ended = 0;
        for (const gap of gaps) {
          now = addMs(now, gap);
          const action = window.onTimeout(now);
          if (action.kind === 'retransmit') {
            sent += 1;
            expect(ended).toBe(0);
            expect(now).toBeLessThan(notAfter);
          }
          if (action.kind === 'give-up') ended += 1;
        }
        expect(sent).toBeLessThanOrEqual(tries + 1);
        expect(ended).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('message ids of requests (RFC 7296 §2.2)', () => {
  it('count up from 0, one for each exchange', () => {
    const window = new RequestWindow();
    for (const messageId of [0, 1, 2]) {
      expect(window.send(request(start))).toEqual({ ok: true, messageId });
      window.acknowledge(messageId);
    }
  });

  it('stay 0 when IKE_SA_INIT is tried again with other contents', () => {
    const window = new RequestWindow();
    window.send(request(start));
    window.onTimeout(addMs(start, 4000));
    expect(window.replaceInitial(addMs(start, 5000), [bytes(9)])).toBe(true);
    expect(window.outstanding).toEqual([
      {
        messageId: 0,
        name: 'INFORMATIONAL',
        datagrams: [bytes(9)],
        firstSentAt: addMs(start, 5000),
        lastSentAt: addMs(start, 5000),
        transmissions: 1,
        isPaced: false,
        dueAt: addMs(start, 9000),
        overAt: addMs(start, 5000 + retransmitSpanMs(DEFAULT_RETRANSMIT_POLICY)),
      },
    ]);
    expect(window.nextDeadline()?.at).toBe(start + 9000);
    window.acknowledge(0);
    expect(window.replaceInitial(start, [bytes(9)])).toBe(false);
    expect(window.permission()).toEqual({ ok: true, messageId: 1 });
  });

  it('end at 2^32-1 and never start over', () => {
    const window = new RequestWindow({ firstMessageId: MAX_MESSAGE_ID });
    expect(window.remainingMessageIds).toBe(1);
    expect(window.send(request(start))).toEqual({ ok: true, messageId: MAX_MESSAGE_ID });
    window.acknowledge(MAX_MESSAGE_ID);
    expect(window.remainingMessageIds).toBe(0);
    expect(window.send(request(start))).toEqual({ ok: false, code: 'message-ids-exhausted' });
  });

  it('are refused when they are none', () => {
    expect(() => new RequestWindow({ firstMessageId: MAX_MESSAGE_ID + 1 })).toThrow(/message id/);
    expect(() => new RequestWindow({ firstMessageId: -1 })).toThrow(/message id/);
  });
});

describe('window of requests (RFC 7296 §2.3)', () => {
  it('is one request until the peer announces more', () => {
    const window = new RequestWindow();
    window.send(request(start));
    expect(window.send(request(start))).toEqual({ ok: false, code: 'window-full' });
    window.growWindow(3);
    expect(window.send(request(start))).toEqual({ ok: true, messageId: 1 });
    expect(window.windowSize).toBe(3);
  });

  it('lets request X go only when all up to X-N have their response', () => {
    const window = new RequestWindow({ windowSize: 2 });
    window.send(request(start));
    window.send(request(start));
    window.acknowledge(1);
    expect(window.permission()).toEqual({ ok: false, code: 'window-full' });
    window.acknowledge(0);
    expect(window.permission()).toEqual({ ok: true, messageId: 2 });
  });

  it('never shrinks, and is bounded whatever the peer announces', () => {
    const window = new RequestWindow({ windowSize: 4 });
    window.growWindow(1);
    expect(window.windowSize).toBe(4);
    window.growWindow(0xffff_ffff);
    expect(window.windowSize).toBe(64);
    expect(() => new RequestWindow({ windowSize: 0 })).toThrow(/windowSize/);
  });

  it('retransmits each outstanding request on its own timer', () => {
    const window = new RequestWindow({ windowSize: 2 });
    window.send(request(start));
    window.send(request(addMs(start, 100)));
    const now = addMs(start, 4100);
    const ids = [window.onTimeout(now), window.onTimeout(now), window.onTimeout(now)].map(
      (action) => (action.kind === 'nothing' ? undefined : action.request.messageId),
    );
    expect(ids).toEqual([0, 1, undefined]);
  });

  it('holds nothing after it was cleared', () => {
    const window = new RequestWindow();
    window.send(request(start));
    window.clear();
    expect(window.outstanding).toEqual([]);
    expect(window.nextDeadline()).toBeUndefined();
  });

  it('refuses a request without a datagram', () => {
    expect(() => new RequestWindow().send(request(start, { datagrams: [] }))).toThrow(/datagrams/);
  });
});
