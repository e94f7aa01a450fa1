import { describe, expect, it } from 'vitest';
import type { Platform } from '../src/platform.ts';
import { address, createMemoryWorld, serverOn, serverOptions } from './memory-world.ts';

describe('the network monitor of a server', () => {
  it.each([
    [undefined, 1],
    [true, 1],
    [false, 0],
  ])('with networkMonitor %s: %i is started', async (networkMonitor, started) => {
    let watches = 0;
    const watchNetwork: NonNullable<Platform['watchNetwork']> = ({ onChange }) => {
      watches += 1;
      onChange({ preferredAddresses: [address('192.0.2.1')], networkKey: undefined });
      return { refresh: async () => undefined, stop: () => undefined };
    };
    const settings = networkMonitor === undefined ? {} : { networkMonitor };
    const { server } = serverOn(
      { ...createMemoryWorld().hostAt('192.0.2.1'), watchNetwork },
      { options: serverOptions({}, { settings }) },
    );
    await server.open();
    expect(watches).toBe(started);
    await server.close();
  });
});
