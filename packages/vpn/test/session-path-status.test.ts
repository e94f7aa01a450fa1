import { instantFromMs } from '@ipsec-kit/clock';
import type { PathStatus } from '@ipsec-kit/ikev2';
import { describe, expect, it } from 'vitest';
import { sessionPathStatus } from '../src/session-path-status.ts';
import { address } from './memory-world.ts';

const at = instantFromMs;

describe('the path of a session as its status shows it', () => {
  it('has whole seconds for what was, and tenths for what was measured and what comes', () => {
    const own = address('192.0.2.7');
    const peer = address('198.51.100.1');
    const path: PathStatus = {
      path: { local: { address: own, port: 4500 }, remote: { address: peer, port: 4500 } },
      state: 'in-use',
      nat: { local: true, remote: false, forced: true },
      hasMobike: true,
      keepaliveMs: 21_858.091,
      binding: { lifetimeMs: 27_668.470518998802, keepaliveMs: 21_858.091, state: 'searching' },
      stamps: { inEsp: at(1_000), outKeepalive: at(58_500) },
      localAddresses: [own],
      peerAddresses: [peer],
      next: { name: 'nat-keepalive', at: at(80_140), toleranceMs: 0, wake: 'device' },
    };
    expect(sessionPathStatus(at(60_000), path)).toMatchObject({
      keepaliveSeconds: 21.9,
      binding: { lifetimeSeconds: 27.6, state: 'searching' },
      lastInEspSeconds: 59,
      lastKeepaliveSeconds: 1,
      next: { inSeconds: 20.1, reason: 'nat-keepalive' },
    });
  });
});
