import { NotifyType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { MAX_WAITING } from '../../src/procedures/run-procedures.ts';
import { Pair } from '../pair.ts';

describe('wishes for Child SAs beyond what may wait', () => {
  function ask(pair: Pair, count: number): void {
    for (let asked = 0; asked < count; asked += 1) {
      pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net' });
    }
  }

  it('are refused with the reason while the peer does not answer', () => {
    const pair = new Pair().open();
    pair.wire = () => [];
    // The first of them is out, and waits for its answer.
    ask(pair, MAX_WAITING + 1);
    expect(pair.client.seen('child-failed')).toEqual([]);
    ask(pair, 1);
    const [refused] = pair.client.seen('child-failed');
    expect(refused?.failure).toMatchObject({ code: 'out-of-step' });
    expect(refused?.failure.sentence).toContain(`${MAX_WAITING} requests`);
  });

  it('are refused while the peer puts off whatever it is asked, and made when it does no more (RFC 7296 §2.25)', () => {
    const pair = new Pair({ serverSettings: { maxChildren: 200 } }).open();
    pair.server.installRefusal = 'no memory';
    ask(pair, MAX_WAITING);
    pair.drive(1);
    for (let n = 0; n < 20; n += 1) {
      pair.drive(100);
      ask(pair, MAX_WAITING);
    }
    const answers = pair.client.story.filter((line) => line.includes('TEMPORARY_FAILURE'));
    expect(answers.length).toBeGreaterThan(20);
    expect(pair.client.seen('child-failed').length).toBeGreaterThan(MAX_WAITING);
    expect(pair.client.seen('child-failed')[0]?.failure.notify).not.toBe(
      NotifyType.TEMPORARY_FAILURE,
    );
    pair.server.installRefusal = undefined;
    pair.drive(120_000);
    // The first, those that waited, and the one whose request was out.
    expect(pair.client.children.size).toBeGreaterThan(MAX_WAITING / 2);
    expect(pair.client.children.size).toBeLessThanOrEqual(MAX_WAITING + 2);
  });
});
