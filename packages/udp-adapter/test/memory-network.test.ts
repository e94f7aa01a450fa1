import { type Endpoint, loopbackAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { createMemoryNetwork, type MemoryNetwork } from '../src/memory.ts';
import { arrivals, batchOf, collect, describeUdpAdapter } from './udp-compliance.ts';

const address = loopbackAddress(4);
const a: Endpoint = { address, port: 1000 };
const b: Endpoint = { address, port: 2000 };

for (const delivery of ['at-once', 'next-turn'] as const) {
  const network = createMemoryNetwork({ delivery });
  describeUdpAdapter(
    `the memory network, delivering ${delivery}`,
    async (endpoints) => network.bind(endpoints),
    address,
  );
}

function pair(network: MemoryNetwork) {
  return { alice: network.bind([a]), bob: network.bind([b]) };
}

describe('createMemoryNetwork', () => {
  it('delivers at once before send returns', () => {
    const { alice, bob } = pair(createMemoryNetwork({ delivery: 'at-once' }));
    const came = collect(bob);
    alice.sendOne(Uint8Array.of(1), a, b);
    expect(came.all).toHaveLength(1);
  });

  it('does not recurse when handlers answer at once', () => {
    const { alice, bob } = pair(createMemoryNetwork({ delivery: 'at-once' }));
    let depth = 0;
    let deepest = 0;
    let left = 10_000;
    const answer = (from: typeof alice): void =>
      from.onDatagrams((batch) => {
        depth += 1;
        deepest = Math.max(deepest, depth);
        left -= 1;
        for (const { path } of left > 0 ? arrivals(batch) : []) {
          from.sendOne(Uint8Array.of(1), path.local, path.remote);
        }
        depth -= 1;
      });
    answer(alice);
    answer(bob);
    alice.sendOne(Uint8Array.of(1), a, b);
    expect(left).toBe(0);
    expect(deepest).toBe(1);
  });

  it('loses what its hook says, and shows it the path of the sender', () => {
    const ports: number[] = [];
    const network = createMemoryNetwork({
      delivery: 'at-once',
      lose: (datagram, path) => {
        ports.push(path.local.port, path.remote.port);
        return datagram[0] === 2;
      },
    });
    const { alice, bob } = pair(network);
    const came = collect(bob);
    alice.send(
      batchOf(
        [1, 2, 3].map((n) => Uint8Array.of(n)),
        { local: a, remote: b },
      ),
    );
    expect(came.all.map(({ data }) => data[0])).toEqual([1, 3]);
    expect(ports).toEqual([1000, 2000, 1000, 2000, 1000, 2000]);
    expect(network.counters).toEqual({ delivered: 2, lost: 1, unreachable: 0 });
  });

  it('bounds what is under way', async () => {
    const network = createMemoryNetwork({ queueDatagrams: 2 });
    const { alice, bob } = pair(network);
    const came = collect(bob);
    alice.send(batchOf(Array(5).fill(Uint8Array.of(1)), { local: a, remote: b }));
    await came.count(2);
    expect(network.counters).toMatchObject({ delivered: 2, lost: 3 });
  });

  it('splits what is more than a batch', () => {
    const network = createMemoryNetwork({ delivery: 'at-once', receive: { capacity: 4 } });
    const { alice, bob } = pair(network);
    const counts: number[] = [];
    bob.onDatagrams((batch) => {
      counts.push(batch.count);
    });
    const together = batchOf(Array(10).fill(Uint8Array.of(1)), { local: a, remote: b });
    bob.send(together);
    alice.send(together);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10);
    expect(Math.max(...counts)).toBeLessThanOrEqual(4);
  });

  it('counts what goes where nobody listens', () => {
    const network = createMemoryNetwork({ delivery: 'at-once' });
    network.bind([a]).sendOne(Uint8Array.of(1), a, b);
    expect(network.counters).toEqual({ delivered: 0, lost: 0, unreachable: 1 });
  });
});
