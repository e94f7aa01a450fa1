import { VirtualClock } from '@ipsec-kit/clock';
import { createScheduler } from '@ipsec-kit/scheduler';
import type { EndpointChanges } from '@ipsec-kit/udp-adapter';
import { describe, expect, it } from 'vitest';
import { watchAddresses } from '../src/address-watch.ts';
import { address } from './memory-world.ts';

const nothing: EndpointChanges = { added: [], removed: [], failed: [] };

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await Promise.resolve();
}

function bench(answers: (EndpointChanges | Error)[]) {
  const clock = new VirtualClock();
  const told: string[] = [];
  let looks = 0;
  const stop = watchAddresses({
    clock,
    scheduler: createScheduler({ clock }),
    udp: {
      async refresh() {
        const answer = answers[looks++] ?? nothing;
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    onChange: () => told.push('changed'),
    onWarning: (sentence) => told.push(sentence),
  });
  const pass = async (ms: number): Promise<void> => {
    clock.advanceBy(ms);
    await settle();
  };
  return { told, stop, pass, looks: () => looks };
}

describe('the watch on own addresses', () => {
  it('looks soon, then now and then, and tells changes only', async () => {
    const endpoint = { address: address('192.0.2.9'), port: 500 };
    const b = bench([nothing, { ...nothing, added: [endpoint] }]);
    await b.pass(2_000);
    expect(b.looks()).toBe(1);
    expect(b.told).toEqual([]);
    await b.pass(15_000);
    expect(b.told).toEqual(['changed']);
    await b.pass(15_000);
    expect(b.looks()).toBe(3);
    expect(b.told).toEqual(['changed']);
  });

  it('goes on when the addresses cannot be listed', async () => {
    const b = bench([new Error('too many of them')]);
    await b.pass(2_000);
    expect(b.told).toEqual(['The addresses of this host cannot be listed: too many of them']);
    await b.pass(15_000);
    expect(b.looks()).toBe(2);
  });

  it('stops', async () => {
    const b = bench([]);
    b.stop();
    await b.pass(60_000);
    expect(b.looks()).toBe(0);
  });
});
