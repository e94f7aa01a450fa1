import { describe, expect, it } from 'vitest';
import { measureRecovery } from '../../src/doze/measure-recovery.ts';
import {
  calibrate,
  checkDefault,
  checkPublishedOrder,
  checkRecovery,
  type DozeFigures,
  runDozeTable,
} from '../../src/index.ts';
import { crypto } from '../simulation/establishments.ts';

const table = runDozeTable(1, crypto);
const { rows, carrierRows, own, ownDeferred } = table;

function change(figures: readonly DozeFigures[], name: string, parts: Partial<DozeFigures>) {
  return figures.map((one) => (one.row.name === name ? { ...one, ...parts } : one));
}

describe('the table of a phone that dozes', () => {
  it('comes out in the order in which it was published, in battery and in loss', () => {
    expect(checkPublishedOrder(rows)).toEqual([
      expect.objectContaining({ holds: true, detail: 'all 28 pairs of rows' }),
      expect.objectContaining({ holds: true, detail: 'all 21 pairs of rows' }),
    ]);
    expect(table.checks).toEqual(expect.arrayContaining([...checkPublishedOrder(rows)]));
  });

  it('is as long as was measured, with a session that lasts', () => {
    expect(rows.map(({ row }) => row.plan.hours)).toEqual([22, 22, 22, 22, 4, 22, 22, 22]);
    for (const { result } of [...rows, ...carrierRows, own, ownDeferred]) {
      expect(result.sessions).toBe(result.pings > 0 ? 1 : 0);
      expect(result.progress.at(-1)).toMatchObject({ lostPings: result.lostPings });
    }
  });

  it('reproduces the two rows that its energy model is calibrated on', () => {
    expect(table.calibratedOn).toEqual(['no VPN', 'boottime, not waited for']);
    for (const { row, batteryPercent } of rows.filter((one) => one.row.calibrates)) {
      expect(batteryPercent).toBeCloseTo(row.published?.batteryPercent ?? 0);
    }
    expect(Object.values(table.model).every((cost) => cost > 0)).toBe(true);
  });

  it('predicts loss within three points of what was measured', () => {
    for (const { row, lossPercent = 0 } of rows) {
      const published = row.published?.lossPercent ?? 0;
      expect(Math.abs(lossPercent - published), row.name).toBeLessThanOrEqual(3);
    }
  });

  it('predicts the battery of every other row within a few points, and what the wake lock costs an hour', () => {
    for (const { row, batteryPercent } of rows) {
      if (!row.published) throw new Error(`${row.name} has no published figures`);
      const { afterHours } = row.published;
      const difference = batteryPercent - row.published.batteryPercent;
      expect(Math.abs(difference) / afterHours, row.name).toBeLessThan(2);
      if (afterHours === 22) expect(Math.abs(difference), row.name).toBeLessThan(5);
    }
  });

  it('accounts for a busy loop for as long as the phone is awake, and for none elsewhere', () => {
    for (const { row, result } of rows) {
      const { busyMs, awakeMs, busyWakeUps } = result.account;
      const isBusy = row.plan.device.clock === 'spinning';
      expect(busyMs > 0.99 * awakeMs, row.name).toBe(isBusy);
      expect(busyWakeUps > 0, row.name).toBe(isBusy && !row.plan.hasWakeLock);
    }
  });

  it('shows that the default of this project loses nothing behind a NAT of two minutes', () => {
    expect(own).toMatchObject({ lossPercent: 0, result: { pings: 264, lostPings: 0 } });
    expect(ownDeferred.lossPercent).toBe(0);
  });

  it('shows that it costs at most 60 % of the wake-ups of the best row there, in the lifetime that it has measured', () => {
    expect(checkDefault(own, carrierRows).map(({ holds }) => holds)).toEqual([true, true]);
    expect(table.checks.every(({ holds }) => holds)).toBe(true);
    const { keepalivePausesMs } = own.result;
    const late = keepalivePausesMs.slice(-100);
    expect(Math.min(...late)).toBeGreaterThan(80_000);
    expect(Math.max(...late)).toBeLessThan(120_000);
  });

  it('shows that the server reaches a phone whose alarms are late within a round trip of its waking', () => {
    expect(checkRecovery(table.recovery).holds).toBe(true);
    expect(table.recovery.wasLost).toBe(true);
  });

  it('shows that with every seed', () => {
    const plan = { ...ownDeferred.row.plan, hours: 2 };
    for (let seed = 1; seed <= 12; seed += 1) {
      const recovery = measureRecovery(plan, seed, crypto);
      expect(checkRecovery(recovery), JSON.stringify({ seed, recovery })).toMatchObject({
        holds: true,
      });
    }
  });
});

describe('the checks of the table', () => {
  it('name the rows that come out in another order', () => {
    const wrong = change(rows, 'alarm, not whitelisted', { lossPercent: 10, batteryPercent: 60 });
    const [battery, loss] = checkPublishedOrder(wrong);
    expect(battery).toMatchObject({ holds: false });
    expect(battery?.detail).toContain('"no VPN" and "alarm, not whitelisted"');
    expect(loss?.holds).toBe(false);
    expect(loss?.detail).toContain('"monotonic clock" and "alarm, not whitelisted"');
  });

  it('compare a row that was measured for less time by its rate', () => {
    const lock = 'the same, with a wake lock';
    const [battery] = checkPublishedOrder(change(rows, lock, { batteryPercent: 93 }));
    expect(battery?.holds).toBe(false);
    expect(battery?.detail).toContain(lock);
  });

  it('measure the default against the best row that loses nothing and lets the phone sleep', () => {
    const best = carrierRows.find(({ row }) => row.name === 'alarm, whitelisted');
    if (!best) throw new Error('the row is missing');
    const most = 0.6 * best.result.tunnelWakeUpsPerHour;
    const costing = (tunnelWakeUpsPerHour: number, lossPercent = 0): readonly boolean[] => {
      const figures = { ...own, lossPercent, result: { ...own.result, tunnelWakeUpsPerHour } };
      return checkDefault(figures, [best]).map(({ holds }) => holds);
    };
    expect(costing(most)).toEqual([true, true]);
    expect(costing(most + 0.1)).toEqual([true, false]);
    expect(costing(most, 0.4)).toEqual([false, true]);
    const lock = carrierRows.filter(({ row }) => row.plan.hasWakeLock);
    expect(lock).toHaveLength(1);
    expect(checkDefault(own, lock).at(-1)?.holds).toBe(false);
  });

  it('take no recovery for one when nothing was lost, or when it came late', () => {
    const recovery = { wasLost: true, afterMs: 20, roundTripMs: 20 };
    expect(checkRecovery(recovery).holds).toBe(true);
    expect(checkRecovery({ ...recovery, wasLost: false }).holds).toBe(false);
    expect(checkRecovery({ ...recovery, afterMs: 21 }).holds).toBe(false);
    expect(checkRecovery({ ...recovery, afterMs: undefined }).holds).toBe(false);
  });

  it('need a busy loop to calibrate on', () => {
    const account = rows.find(({ row }) => row.calibrates === 'quiet')?.result.account;
    if (!account) throw new Error('the row is missing');
    expect(() => calibrate(account, 7, account, 45)).toThrow(/one that is busy/);
  });
});
