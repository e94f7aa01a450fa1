import { readdirSync } from 'node:fs';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import { loadSystemCalls } from '@ipsec-kit/posix';
import { describe, expect, it } from 'vitest';
import { warmUp } from '../src/worker/warm-up.ts';

const loaded = loadSystemCalls();
if (!loaded.ok) {
  if (process.env.IPSEC_KIT_REQUIRE_INTEROP === '1') throw new Error(loaded.reason);
  process.stderr.write(`skipped: warming up: ${loaded.reason}\n`);
}

describe('warming up', () => {
  it.runIf(loaded.ok)(
    'carries packets both ways through the whole loop, and leaves nothing',
    () => {
      if (!loaded.ok) return;
      const { calls } = loaded;
      const descriptors = (): number => readdirSync('/proc/self/fd').length;
      const before = descriptors();
      const from = performance.now();
      const { packets } = warmUp(calls, createNodeProvider(), systemRandom());
      expect(packets).toBeGreaterThan(0);
      expect(performance.now() - from).toBeLessThan(2_000);
      expect(descriptors()).toBe(before);
    },
  );

  it.runIf(loaded.ok)('does nothing where there is no loopback interface to use', () => {
    if (!loaded.ok) return;
    const calls = { ...loaded.calls, bind: () => -99 };
    expect(warmUp(calls, createNodeProvider(), systemRandom())).toEqual({ packets: 0 });
  });
});
