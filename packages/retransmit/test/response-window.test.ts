import { MAX_MESSAGE_ID, ResponseWindow } from '@ipsec-kit/retransmit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function answer(window: ResponseWindow, messageId: number): void {
  window.begin(messageId);
  window.respond(messageId, [bytes(messageId & 0xff)]);
}

describe('requests that somebody else has answered', () => {
  const answer = [Uint8Array.of(9)];

  it('are behind us, and a copy of the last one gets its answer (RFC 7296 §2.1)', () => {
    const window = new ResponseWindow({ firstMessageId: 2 });
    window.resumeAt(7, answer);
    expect(window.expectedMessageId).toBe(7);
    expect(window.classify(5)).toEqual({ kind: 'old' });
    expect(window.classify(6)).toMatchObject({ state: 'answered', datagrams: answer });
    expect(window.classify(7)).toEqual({ kind: 'new' });
  });

  it('lie ahead, and nothing may be in progress', () => {
    const window = new ResponseWindow({ firstMessageId: 2 });
    expect(() => window.resumeAt(2, answer)).toThrow(/above 2/);
    expect(() => window.resumeAt(2 ** 33, answer)).toThrow(RangeError);
    window.begin(2);
    expect(window.isWorking).toBe(true);
    expect(() => window.resumeAt(5, answer)).toThrow(/in progress/);
  });
});

describe('cached responses (RFC 7296 §2.1)', () => {
  it('answers a retransmission with the same bytes, and only after the answer exists', () => {
    const window = new ResponseWindow();
    expect(window.classify(0)).toEqual({ kind: 'new' });
    window.begin(0);
    expect(window.classify(0)).toEqual({ kind: 'retransmission', state: 'in-progress' });
    const response = [bytes(1, 2), bytes(3, 4)];
    expect(window.respond(0, response)).toEqual([bytes(1, 2), bytes(3, 4)]);
    for (const datagram of response) datagram.fill(0);
    for (let i = 0; i < 3; i++) {
      expect(window.classify(0)).toEqual({
        kind: 'retransmission',
        state: 'answered',
        datagrams: [bytes(1, 2), bytes(3, 4)],
      });
    }
  });

  it('remembers a response until the next request shows that it was received', () => {
    const window = new ResponseWindow();
    answer(window, 0);
    window.begin(1);
    expect(window.classify(0)).toEqual({ kind: 'old' });
  });

  it('remembers as many responses as the window is wide', () => {
    const window = new ResponseWindow({ windowSize: 3 });
    for (const id of [0, 1, 2, 3]) answer(window, id);
    expect([0, 1, 2, 3, 4, 6, 7].map((id) => window.classify(id).kind)).toEqual([
      'old',
      'retransmission',
      'retransmission',
      'retransmission',
      'new',
      'new',
      'ahead',
    ]);
  });

  it('ignores a retransmission whose response is forgotten', () => {
    const window = new ResponseWindow();
    answer(window, 0);
    window.forgetResponses();
    expect(window.classify(0)).toEqual({ kind: 'old' });
    expect(window.classify(1)).toEqual({ kind: 'new' });
  });

  it('does not take a request for new because its response was forgotten out of order', () => {
    const window = new ResponseWindow({ windowSize: 2 });
    answer(window, 1);
    window.forgetResponses();
    expect(window.classify(1).kind).toBe('retransmission');
  });
});

describe('expected message ids (RFC 7296 §2.2, §2.3)', () => {
  it('accepts requests out of order inside the window, each once', () => {
    const window = new ResponseWindow({ windowSize: 3, firstMessageId: 5 });
    answer(window, 7);
    expect(window.expectedMessageId).toBe(5);
    expect(window.classify(7).kind).toBe('retransmission');
    expect(window.classify(8)).toEqual({ kind: 'ahead' });
    answer(window, 5);
    answer(window, 6);
    expect(window.expectedMessageId).toBe(8);
  });

  it('does not take the next request while the last one has no answer, with a window of one', () => {
    const window = new ResponseWindow();
    window.begin(0);
    expect(window.classify(1)).toEqual({ kind: 'ahead' });
  });

  it('ends at 2^32-1', () => {
    const window = new ResponseWindow({ firstMessageId: MAX_MESSAGE_ID });
    answer(window, MAX_MESSAGE_ID);
    expect(window.expectedMessageId).toBe(MAX_MESSAGE_ID + 1);
    expect(window.classify(MAX_MESSAGE_ID + 1)).toEqual({ kind: 'ahead' });
    expect(window.classify(0)).toEqual({ kind: 'old' });
  });

  it('widens, but never narrows', () => {
    const window = new ResponseWindow();
    window.growWindow(2);
    expect(window.classify(1)).toEqual({ kind: 'new' });
    window.growWindow(1);
    expect(window.windowSize).toBe(2);
    expect(() => window.growWindow(1000)).toThrow(/windowSize/);
  });

  it('refuses to begin or answer what was not asked', () => {
    const window = new ResponseWindow();
    expect(() => window.respond(0, [bytes(1)])).toThrow(/in progress/);
    expect(() => window.begin(1)).toThrow(/new request/);
    window.begin(0);
    expect(() => window.begin(0)).toThrow(/new request/);
    expect(() => window.respond(0, [])).toThrow(/datagrams/);
    expect(window.respond(0, [bytes(1)])).toEqual([bytes(1)]);
  });

  it('processes each request once and stays in memory, for any order of arrival', () => {
    const arrivals = fc.array(fc.record({ id: fc.nat({ max: 40 }), answer: fc.boolean() }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 8 }), (events, windowSize) => {
        const window = new ResponseWindow({ windowSize });
        const open: number[] = [];
        const processed = new Set<number>();
        let highest = -1;
        for (const event of events) {
          const verdict = window.classify(event.id);
          if (verdict.kind === 'new') {
            expect(processed.has(event.id)).toBe(false);
            processed.add(event.id);
            highest = Math.max(highest, event.id);
            window.begin(event.id);
            open.push(event.id);
          } else if (verdict.kind !== 'ahead') {
            expect(event.id <= highest).toBe(true);
          }
          // RFC 7296 §2.1: what the peer may still ask for is there.
          if (verdict.kind === 'old') expect(event.id + windowSize <= highest).toBe(true);
          const next = event.answer ? open.shift() : undefined;
          if (next !== undefined) window.respond(next, [bytes(next)]);
          expect(open.length).toBeLessThanOrEqual(windowSize);
        }
        let kept = 0;
        for (let id = 0; id <= 50; id++) {
          const verdict = window.classify(id);
          if (verdict.kind === 'retransmission' && verdict.state === 'answered') {
            kept += 1;
            expect(verdict.datagrams).toEqual([bytes(id)]);
          }
        }
        expect(kept).toBeLessThanOrEqual(windowSize);
      }),
    );
  });
});
