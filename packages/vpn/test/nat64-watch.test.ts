import { VirtualClock } from '@ipsec-kit/clock';
import { formatPrefix, parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { watchNat64 } from '../src/nat64-watch.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A watch, and the questions that DNS was asked: they are answered by hand. */
function bench() {
  const clock = new VirtualClock();
  const questions: ((prefix?: string | Error) => void)[] = [];
  const told: string[] = [];
  const watch = watchNat64({
    clock,
    find: () =>
      new Promise((resolve, reject) => {
        questions.push((answer) => {
          if (answer instanceof Error) reject(answer);
          else resolve(answer === undefined ? undefined : parsePrefix(answer));
        });
      }),
    onChange: () => void told.push(watch.prefix ? formatPrefix(watch.prefix) : 'none'),
  });
  return {
    watch,
    told,
    get asked() {
      return questions.length;
    },
    async answer(prefix?: string | Error) {
      questions.at(-1)?.(prefix);
      await turn();
    },
    async pass(ms: number) {
      clock.advanceBy(ms);
      await turn();
    },
  };
}

describe('the NAT64 of a network (RFC 7050 §3)', () => {
  it('is asked for where it is wanted, and told once', async () => {
    const { watch, told, answer } = bench();
    watch.onNetwork(false);
    watch.onNetwork(true);
    await answer('64:ff9b::/96');
    watch.onNetwork(true);
    await answer('64:ff9b::/96');
    expect(told).toEqual(['64:ff9b::/96']);
    watch.onNetwork(false);
    expect(watch.prefix).toBeUndefined();
  });

  it('is asked for again while the DNS of a new network is not there yet, and not for ever', async () => {
    const b = bench();
    b.watch.onNetwork(true);
    await b.answer();
    await b.pass(400);
    expect(b.asked).toBe(1);
    await b.pass(100);
    await b.answer('64:ff9b::/96');
    expect(b.told).toEqual(['64:ff9b::/96']);
    b.watch.onNetwork(true);
    for (let i = 0; i < 100; i += 1) {
      await b.answer();
      await b.pass(10_000);
    }
    expect(b.asked).toBe(8);
    expect(b.told).toEqual(['64:ff9b::/96', 'none']);
  });

  it('stays what it was where DNS is silent, and is none where DNS says so', async () => {
    const b = bench();
    b.watch.onNetwork(true);
    await b.answer('64:ff9b::/96');
    for (const answer of [new Error('EAI_AGAIN'), undefined]) {
      b.watch.onNetwork(true);
      for (let i = 0; i < 10; i += 1) {
        await b.answer(answer);
        await b.pass(10_000);
      }
    }
    expect(b.told).toEqual(['64:ff9b::/96', 'none']);
  });

  it('is asked for with one question at a time, however often the network changes', async () => {
    const b = bench();
    for (let i = 0; i < 1_000; i += 1) b.watch.onNetwork(true);
    expect(b.asked).toBe(1);
    // It was a question about a network that has gone.
    await b.answer('2001:db8:1::/96');
    expect(b.asked).toBe(2);
    expect(b.told).toEqual([]);
    await b.answer('2001:db8:2::/96');
    expect(b.told).toEqual(['2001:db8:2::/96']);
  });

  it('serves on in the next network until that has told of its own', async () => {
    const b = bench();
    b.watch.onNetwork(true);
    await b.answer('2001:db8:1::/96');
    b.watch.onNetwork(true);
    expect(b.watch.prefix && formatPrefix(b.watch.prefix)).toBe('2001:db8:1::/96');
    await b.answer('2001:db8:2::/96');
    expect(b.told.at(-1)).toBe('2001:db8:2::/96');
  });

  it('is of no interest any more once nobody watches', async () => {
    const b = bench();
    b.watch.onNetwork(true);
    b.watch.stop();
    await b.answer('64:ff9b::/96');
    await b.pass(100_000);
    expect(b.asked).toBe(1);
    expect(b.told).toEqual([]);
  });
});
