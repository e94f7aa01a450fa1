import { describe, expect, it } from 'vitest';
import {
  carrierNat,
  type DozePlan,
  type DozeResult,
  keepalives,
  lan,
  noChecks,
  PHONE,
  runDoze,
} from '../../src/index.ts';
import { crypto } from '../simulation/establishments.ts';

const MINUTE_MS = 60_000;
const link = lan({ latencyMs: 20 });
const chance = { ...PHONE, usesAlarm: false };

/** A client with keepalives every 45 s behind a NAT of two minutes that gives another port each time. */
function doze(device: DozePlan['device'], parts: Partial<DozePlan> = {}): DozeResult {
  const plan: DozePlan = {
    hours: 22,
    device,
    nat: carrierNat(),
    link,
    client: keepalives(45_000, 20_000),
    server: noChecks,
    ...parts,
  };
  return runDoze(plan, 1, crypto);
}

describe('a client that sleeps for 22 hours behind a NAT of 120 s', () => {
  it('loses no ping when its alarm wakes it for keepalives, and wakes for nothing else', () => {
    const result = doze({ isWhitelisted: true });
    expect(result).toMatchObject({ pings: 264, lostPings: 0, sessions: 1, clientChecks: 0 });
    const { alarm, packet, chance, user } = result.account.wakeUps;
    expect(alarm).toBeGreaterThan(1_000);
    expect(packet).toBeGreaterThan(200);
    expect([chance, user]).toEqual([0, 0]);
    expect(result.nat.unmapped).toBe(0);
  });

  it('loses pings to the mapping and to nothing else when no alarm wakes it', () => {
    const result = doze(chance);
    expect(result.pings).toBe(264);
    expect(result.lostPings).toBe(result.nat.unmapped);
    expect(result.sessions).toBe(1);
    expect(result.account.wakeUps.alarm).toBe(0);
  });

  it('asks with a DPD, not with 0xFF, when it wakes too late for the mapping', () => {
    const {
      keepalivePausesMs,
      clientChecks,
      keepalives: sent,
    } = doze({
      usesAlarm: false,
      chanceWake: { leastMs: 3 * MINUTE_MS, mostMs: 4 * MINUTE_MS },
      awakeMs: { packet: 500, alarm: 500, chance: 12_000, user: 30_000 },
    });
    expect(clientChecks).toBeGreaterThan(50);
    expect(clientChecks).toBeGreaterThan(10 * sent);
    expect(Math.max(...keepalivePausesMs)).toBeGreaterThan(2 * MINUTE_MS);
  });

  it('has its alarms deferred after 70 minutes when it is not whitelisted, and is out of reach between them', () => {
    const whitelisted = doze({ isWhitelisted: true }, { hours: 1 });
    const first = doze({}, { hours: 1 });
    // Nothing differs until idle mode begins.
    expect(first).toEqual(whitelisted);
    const later = doze({});
    expect(later.account.wakeUps.alarm).toBeLessThan(60 + (22 * 60) / 9);
    expect(later.lostPings).toBe(later.nat.unmapped);
  });

  it('spins for as long as it is awake where it waits on another clock than it reads, and the loop is accounted', () => {
    const { account, lostPings, nat } = doze({ ...chance, clock: 'spinning' });
    expect(account.busyMs).toBeGreaterThan(0.99 * account.awakeMs);
    expect(lostPings).toBe(nat.unmapped);
  });

  it('sleeps and wakes the same way each time with the same seed', () => {
    expect(doze(chance, { hours: 2 })).toEqual(doze(chance, { hours: 2 }));
  });
});
