import { instantFromMs } from '@ipsec-kit/clock';
import { type Path, pathsEqual } from '@ipsec-kit/ip';
import { LivenessPolicy, PeerFollower } from '@ipsec-kit/nat-t';
import { describe, expect, it } from 'vitest';

const ROUND_TRIP_MS = 50;
const REBOUND_AT_MS = 10_000;

/** Where the server sees the client: the NAT has given it another port since. */
function seen(ms: number): Path {
  const port = ms < REBOUND_AT_MS ? 21_977 : 21_978;
  return {
    local: { address: { version: 4, bytes: Uint8Array.of(192, 0, 2, 1) }, port: 4500 },
    remote: { address: { version: 4, bytes: Uint8Array.of(198, 51, 100, 7) }, port },
  };
}

/** A client that sends every 20 ms, and a server that answers to where it believes the client to be. The mapping is flushed at
 * 10 s. @returns how long nothing came back.
 */
function outageMs(serverFollows: boolean): number {
  const at = instantFromMs;
  const policy = new LivenessPolicy(at(0));
  const server = new PeerFollower(at(0), seen(0));
  policy.handle({ kind: 'path', now: at(0), behindNat: true, canDetect: true });
  policy.handle({ kind: 'exchange-started', now: at(0) });
  policy.handle({
    kind: 'exchange-ended',
    now: at(0),
    verdict: 'began',
    roundTripMs: ROUND_TRIP_MS,
  });
  let heardAt = 0;
  let movedAt = Number.POSITIVE_INFINITY;
  let longestMs = 0;
  for (let ms = 20; ms < 20_000; ms += 20) {
    if (serverFollows) {
      const packet = { now: at(ms), path: seen(ms), by: 'esp', isNewest: true } as const;
      server.onPacket({ ...packet, replayProtection: true });
    }
    if (ms >= movedAt) server.onMoved(at(ms), seen(ms));
    if (pathsEqual(server.path, seen(ms))) {
      longestMs = Math.max(longestMs, ms - heardAt);
      heardAt = ms;
    }
    const stamps = { outEsp: at(ms), inEsp: at(heardAt) };
    const actions = policy.handle({ kind: 'traffic', now: at(ms), stamps, espPacketsOut: ms / 20 });
    for (const { kind } of actions) {
      if (kind !== 'dpd') throw new Error(`${kind} came before the question`);
      policy.handle({ kind: 'exchange-started', now: at(ms) });
      const now = at(ms + ROUND_TRIP_MS);
      const [update] = policy.handle({ kind: 'exchange-ended', now, verdict: 'changed' });
      if (update?.kind === 'update-addresses') movedAt = ms + 2 * ROUND_TRIP_MS;
    }
  }
  return longestMs;
}

describe('a mapping that is flushed while traffic flows both ways', () => {
  it('costs at most a second where the server follows the packets (RFC 7296 §2.23)', () => {
    expect(outageMs(true)).toBeLessThanOrEqual(600);
  });

  it('costs at most three where it waits for the update (RFC 4555 §3.8)', () => {
    expect(outageMs(false)).toBeGreaterThan(1_000);
    expect(outageMs(false)).toBeLessThanOrEqual(1_300);
  });
});
