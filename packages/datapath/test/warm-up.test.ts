import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import { loopbackAddress } from '@ipsec-kit/ip';
import { loadSystemCalls } from '@ipsec-kit/posix';
import { tunQueueOn } from '@ipsec-kit/tun-adapter';
import { openBatchSocket } from '@ipsec-kit/udp-adapter';
import { describe, expect, it } from 'vitest';
import { warmUp } from '../src/worker/warm-up.ts';

const loaded = loadSystemCalls();
if (!loaded.ok) {
  if (process.env.IPSEC_KIT_REQUIRE_INTEROP === '1') throw new Error(loaded.reason);
  process.stderr.write(`skipped: warming up: ${loaded.reason}\n`);
}

describe('warming up', () => {
  it.runIf(loaded.ok)('opens as many packets as it seals, and leaves nothing', () => {
    if (!loaded.ok) return;
    const { calls } = loaded;
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    const from = performance.now();
    const { sealed, opened } = warmUp(calls, createNodeProvider(), systemRandom());
    expect(opened).toBeGreaterThan(0);
    expect(opened / sealed).toBeGreaterThan(0.9);
    expect(performance.now() - from).toBeLessThan(2_000);
    expect(descriptors()).toBe(before);
  });

  it.runIf(loaded.ok)('does nothing where there is no loopback interface to use', () => {
    if (!loaded.ok) return;
    const calls = { ...loaded.calls, bind: () => -99 };
    expect(warmUp(calls, createNodeProvider(), systemRandom())).toEqual({ sealed: 0, opened: 0 });
  });

  it.runIf(loaded.ok)('leaves the objects that it works with as fast for the next ones', () => {
    if (!loaded.ok) return;
    const { calls } = loaded;
    setFlagsFromString('--allow-natives-syntax');
    const isFast = new Function('object', 'return %HasFastProperties(object)');
    const bind = { address: loopbackAddress(4), port: 0 };
    const made = [1, 2, 3].flatMap(() => {
      const opened = openBatchSocket(calls, { bind });
      const offloads = { checksum: true, tcp: true, udp: true };
      const queue = tunQueueOn(calls, calls.eventfd(0, 0), offloads, { name: 'none' });
      return opened.ok ? [queue, opened.socket] : [queue];
    });
    const slow = made.filter((object) => !isFast(object));
    for (const object of made) object.close();
    expect(made).toHaveLength(6);
    expect(slow).toEqual([]);
  });
});
