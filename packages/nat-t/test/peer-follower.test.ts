import { instantFromMs } from '@ipsec-kit/clock';
import type { Path } from '@ipsec-kit/ip';
import { PeerFollower, type PeerPacket } from '@ipsec-kit/nat-t';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const pathTo = (port: number): Path => ({
  local: { address: { version: 4, bytes: Uint8Array.of(192, 0, 2, 1) }, port: 4500 },
  remote: { address: { version: 4, bytes: Uint8Array.of(198, 51, 100, 7) }, port },
});
const OLD = pathTo(21_977);
const NEW = pathTo(21_978);

function setUp() {
  const follower = new PeerFollower(instantFromMs(0), OLD);
  const packet = (ms: number, path: Path, extra: Partial<PeerPacket> = {}) =>
    follower.onPacket({
      now: instantFromMs(ms),
      path,
      by: 'esp',
      isNewest: true,
      replayProtection: true,
      ...extra,
    });
  return { follower, packet };
}

describe('PeerFollower (RFC 7296 §2.23)', () => {
  it('follows at once a peer that was idle', () => {
    const { follower, packet } = setUp();
    expect(packet(60_000, NEW)).toBe(NEW);
    expect(follower.path).toBe(NEW);
    expect(follower.nextDeadline()).toBeUndefined();
  });

  it('follows a busy peer half a second after its last packet from the old place', () => {
    const { follower, packet } = setUp();
    packet(10_000, OLD);
    for (let ms = 10_010; ms < 10_500; ms += 10) expect(packet(ms, NEW)).toBeUndefined();
    expect(packet(10_500, NEW)).toBe(NEW);
    expect(follower.path).toBe(NEW);
  });

  it('follows when the hold-down is over, even if the peer sent one packet only', () => {
    const { follower, packet } = setUp();
    packet(10_000, OLD);
    packet(10_010, NEW);
    expect(follower.nextDeadline()).toMatchObject({ at: 10_500 });
    expect(follower.onTimeout(instantFromMs(10_499))).toBeUndefined();
    expect(follower.onTimeout(instantFromMs(10_500))).toBe(NEW);
  });

  it('is not moved by copies of packets of a peer that goes on sending', () => {
    const { follower, packet } = setUp();
    for (let ms = 100; ms < 60_000; ms += 200) {
      packet(ms, OLD);
      expect(packet(ms + 100, NEW)).toBeUndefined();
      expect(follower.onTimeout(instantFromMs(ms + 150))).toBeUndefined();
    }
    expect(follower.path).toBe(OLD);
  });

  it('is not moved by a replay, an old packet, or on an SA without replay protection', () => {
    expect(setUp().packet(60_000, NEW, { isNewest: false })).toBeUndefined();
    expect(setUp().packet(60_000, NEW, { replayProtection: false })).toBeUndefined();
  });

  it('takes what comes from where the session was before it was told to move for late, for a second', () => {
    const { follower, packet } = setUp();
    follower.setFacts({ isBehindNat: false, hasMobike: true });
    follower.onMoved(instantFromMs(10_000), NEW);
    follower.onMoved(instantFromMs(10_100), pathTo(21_979));
    expect(follower.wasLeft(instantFromMs(10_500), NEW)).toBe(true);
    for (const path of [OLD, NEW]) expect(packet(10_900, path)).toBeUndefined();
    expect(follower.nextDeadline()).toBeUndefined();
    // Another mapping of where it is now is news.
    expect(packet(10_950, pathTo(21_980))).toEqual(pathTo(21_980));
    follower.onMoved(instantFromMs(20_000), NEW);
    expect(packet(21_000, pathTo(21_980))).toEqual(pathTo(21_980));
  });

  it('follows nobody from behind a NAT', () => {
    const { follower, packet } = setUp();
    packet(10_000, OLD);
    packet(10_010, NEW);
    follower.setFacts({ isBehindNat: true, hasMobike: false });
    expect(follower.onTimeout(instantFromMs(20_000))).toBeUndefined();
    expect(packet(60_000, NEW)).toBeUndefined();
  });

  it('with MOBIKE follows ESP but never IKE (RFC 4555 §3.8)', () => {
    const { follower, packet } = setUp();
    follower.setFacts({ isBehindNat: false, hasMobike: true });
    expect(packet(60_000, NEW, { by: 'ike' })).toBeUndefined();
    expect(packet(60_001, NEW)).toBe(NEW);
    const other = setUp();
    expect(other.packet(60_000, NEW, { by: 'ike' })).toBe(NEW);
  });

  it('moves at most twice a second behind a NAT that gives every packet another port', () => {
    const { packet } = setUp();
    let moves = 0;
    for (let ms = 1_000; ms < 11_000; ms += 10) {
      if (packet(ms, pathTo(20_000 + (ms % 30_000)))) moves += 1;
    }
    expect(moves).toBeGreaterThanOrEqual(15);
    expect(moves).toBeLessThanOrEqual(20);
  });

  it('forgets what it waits for when the session moves by an update', () => {
    const { follower, packet } = setUp();
    packet(10_000, OLD);
    packet(10_010, NEW);
    const third = pathTo(1);
    follower.onMoved(instantFromMs(10_020), third);
    expect(follower.nextDeadline()).toBeUndefined();
    expect(follower.path).toBe(third);
    follower.onHeard(instantFromMs(10_000));
    expect(packet(10_500, OLD)).toBeUndefined();
  });

  it('goes nowhere for a packet from elsewhere when the path in use is heard at that very time, or goes on for longer than the hold-down', () => {
    const { follower, packet } = setUp();
    packet(10_000, OLD);
    packet(10_000, pathTo(1));
    packet(10_000, OLD);
    expect(follower.nextDeadline()).toBeUndefined();
    packet(10_100, pathTo(1));
    for (let ms = 10_100; ms <= 10_700; ms += 100) follower.onHeard(instantFromMs(ms));
    expect(follower.nextDeadline()).toBeUndefined();
    expect(follower.onTimeout(instantFromMs(60_000))).toBeUndefined();
  });

  it('waits for the end of what was on its way on the path in use, and goes then', () => {
    const { follower, packet } = setUp();
    packet(10_000, OLD);
    packet(10_100, pathTo(1));
    follower.onHeard(instantFromMs(10_300));
    expect(follower.onTimeout(instantFromMs(10_600))).toBeUndefined();
    expect(follower.onTimeout(instantFromMs(10_800))).toEqual(pathTo(1));
  });

  it('never moves within the hold-down of a packet on the path in use', () => {
    const step = fc.record({ afterMs: fc.nat({ max: 700 }), port: fc.constantFrom(21_977, 1, 2) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { follower, packet } = setUp();
        let ms = 0;
        let heardAt = 0;
        for (const { afterMs, port } of steps) {
          ms += afterMs;
          const wasOn = follower.path.remote.port === port;
          const moved = packet(ms, pathTo(port));
          if (moved) expect(ms - heardAt).toBeGreaterThanOrEqual(500);
          if (moved || wasOn) heardAt = ms;
        }
      }),
    );
  });

  it('refuses a hold-down that is none', () => {
    expect(() => new PeerFollower(instantFromMs(0), OLD, { holdDownMs: -1 })).toThrow('holdDownMs');
  });
});
