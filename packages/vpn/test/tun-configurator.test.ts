import type { TunSettings } from '@ipsec-kit/tun-adapter';
import { describe, expect, it } from 'vitest';
import { createTunConfigurator } from '../src/tun-configurator.ts';

const settings = (mtu: number): TunSettings => ({
  mtu,
  addresses: [],
  routes: [],
  dns: [],
  excluded: [],
});

/** A device whose changes end when the test says so. */
function slowTun() {
  const asked: number[] = [];
  const pending: { resolve(): void; reject(error: Error): void }[] = [];
  return {
    asked,
    pending,
    configure: (wanted: TunSettings) =>
      new Promise<void>((resolve, reject) => {
        asked.push(wanted.mtu);
        pending.push({ resolve, reject });
      }),
  };
}

describe('the configurator of a TUN device', () => {
  it('asks for nothing when the device stands as wanted', async () => {
    const tun = slowTun();
    const configurator = createTunConfigurator(tun, () => undefined);
    const first = configurator.apply(settings(1));
    tun.pending[0]?.resolve();
    await first;
    expect(configurator.apply(settings(1))).toBeUndefined();
    expect(tun.asked).toEqual([1]);
  });

  it('makes one change at a time, and skips those that were overtaken', async () => {
    const tun = slowTun();
    const applied: number[] = [];
    const configurator = createTunConfigurator(tun, ({ mtu }) => applied.push(mtu));
    const all = [1, 2, 3].map((mtu) => configurator.apply(settings(mtu)));
    expect(tun.asked).toEqual([1]);
    tun.pending[0]?.resolve();
    await Promise.resolve();
    await Promise.resolve();
    tun.pending[1]?.resolve();
    await Promise.all(all);
    expect(tun.asked).toEqual([1, 3]);
    expect(applied).toEqual([1, 3]);
  });

  it('tells a failure to everyone who waited, and starts afresh afterwards', async () => {
    const tun = slowTun();
    const configurator = createTunConfigurator(tun, () => undefined);
    const failing = configurator.apply(settings(1));
    tun.pending[0]?.reject(new Error('no permission'));
    await expect(failing).rejects.toThrow('no permission');
    await configurator.settled();
    const again = configurator.apply(settings(1));
    tun.pending[1]?.resolve();
    await again;
    expect(tun.asked).toEqual([1, 1]);
  });
});
