import { VirtualClock } from '@ipsec-kit/clock';
import { formatAddress, parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { startNetworkMonitor } from '../src/network-monitor.ts';
import type { NetworkSource } from '../src/network-source.ts';
import type { RouteRecordKind } from '../src/route-message.ts';

/** A network that the test sets. */
class FakeSource implements NetworkSource {
  readonly name: string = 'fake';
  reads = 0;
  addresses: readonly string[] = [];
  failure: string | undefined;
  changed = (): void => {};
  ended = (_reason: string): void => {};
  isWatched = false;

  async read(): Promise<readonly RouteRecordKind[]> {
    this.reads += 1;
    if (this.failure !== undefined) throw new Error(this.failure);
    const link = {
      kind: 'link',
      index: 1,
      name: 'net',
      isUp: true,
      isLoopback: false,
      mtu: 1,
    } as const;
    return [
      link,
      ...this.addresses.flatMap((text): RouteRecordKind[] => {
        const address = parseAddress(text);
        if (!address) return [];
        const extra = { prefixLength: 24, isUsable: true, isDeprecated: false };
        return [{ kind: 'address', index: 1, address, ...extra }];
      }),
    ];
  }

  watch(onChange: () => void, onEnd: (reason: string) => void): () => void {
    this.isWatched = true;
    this.changed = onChange;
    this.ended = onEnd;
    return () => {
      this.isWatched = false;
    };
  }
}

async function setUp(addresses: readonly string[] = ['10.0.0.2']) {
  const clock = new VirtualClock();
  const source = new FakeSource();
  source.addresses = addresses;
  const told: string[] = [];
  const warnings: string[] = [];
  const monitor = startNetworkMonitor({
    clock,
    source,
    onChange: ({ preferredAddresses }) =>
      told.push(`${clock.now()}: ${preferredAddresses.map(formatAddress).join(' ')}`),
    onWarning: (sentence) => warnings.push(sentence),
  });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await settle();
  const pass = async (ms: number): Promise<void> => {
    clock.advanceBy(ms);
    await settle();
  };
  const set = (...list: readonly string[]): void => {
    source.addresses = list;
    source.changed();
  };
  return { clock, source, told, warnings, monitor, pass, set };
}

describe('startNetworkMonitor', () => {
  it('tells of the network at the start', async () => {
    const { told, monitor } = await setUp();
    expect(told).toEqual(['0: 10.0.0.2']);
    expect(monitor.snapshot?.preferredAddresses).toHaveLength(1);
  });

  it('makes one change of a burst, 100 ms after its begin', async () => {
    const { told, source, pass, set } = await setUp();
    for (let i = 0; i < 9; i += 1) {
      set(`10.0.0.${10 + i}`);
      await pass(10);
    }
    expect(told).toHaveLength(1);
    await pass(10);
    expect(told).toEqual(['0: 10.0.0.2', '100: 10.0.0.18']);
    expect(source.reads).toBe(2);
  });

  it('never says "no network" when one goes just before another comes', async () => {
    const { told, pass, set } = await setUp();
    set();
    await pass(60);
    set('100.64.0.9');
    await pass(40);
    await pass(1_000);
    expect(told).toEqual(['0: 10.0.0.2', '100: 100.64.0.9']);
  });

  it('says nothing of what goes and comes back within that time', async () => {
    const { told, pass, set } = await setUp();
    set();
    await pass(50);
    set('10.0.0.2');
    await pass(1_000);
    expect(told).toHaveLength(1);
  });

  it('looks ten times a second at a network that never stops flapping', async () => {
    const { source, pass, set } = await setUp();
    for (let ms = 0; ms < 2_000; ms += 5) {
      set(`10.0.0.${ms % 200}`);
      await pass(5);
    }
    expect(source.reads).toBeGreaterThanOrEqual(18);
    expect(source.reads).toBeLessThanOrEqual(21);
  });

  it('warns when the network cannot be read, and goes on', async () => {
    const { source, told, warnings, pass, set } = await setUp();
    source.failure = 'broken';
    set('10.0.0.3');
    await pass(100);
    expect(warnings).toEqual(['The network cannot be read: broken']);
    source.failure = undefined;
    set('10.0.0.4');
    await pass(100);
    expect(told.at(-1)).toBe('200: 10.0.0.4');
  });

  it('looks at once when asked, and not at all when stopped', async () => {
    const { source, told, monitor, pass, set, clock } = await setUp();
    source.addresses = ['10.0.0.5'];
    await monitor.refresh();
    expect(told.at(-1)).toBe('0: 10.0.0.5');
    set('10.0.0.6');
    monitor.stop();
    await pass(1_000);
    source.changed();
    expect([told.length, source.isWatched, clock.pendingWakes]).toEqual([2, false, 0]);
  });
});
