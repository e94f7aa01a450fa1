import type { CryptoProvider } from '@ipsec-kit/crypto';
import { batteryUsed, type EnergyAccount, type EnergyModel } from '../device/energy-account.ts';
import type { DozeRow } from './doze-rows.ts';
import { type DozeResult, runDoze } from './run-doze.ts';

/** A row that has been run. */
export interface DozeOutcome {
  readonly row: DozeRow;
  readonly result: DozeResult;
}

/** A row of the finished table. */
export interface DozeFigures extends DozeOutcome {
  readonly batteryPercent: number;
  readonly lossPercent: number | undefined;
}

/** Share of what a phone without a VPN uses that goes on while it sleeps: an assumption, not a measurement. */
const ASLEEP_SHARE = 0.5;
/** An hour of radio as so many hours awake, and a wake as so many: assumptions as well. */
const RADIO_IN_AWAKE_HOURS = 2;
const WAKE_UP_IN_AWAKE_HOURS = 1 / 3600;

const HOUR_MS = 3_600_000;

/** Runs rows one after the other. */
export function runRows(
  rows: readonly DozeRow[],
  seed: number | string,
  crypto?: CryptoProvider,
): readonly DozeOutcome[] {
  return rows.map((row) => ({ row, result: runDoze(row.plan, seed, crypto) }));
}

/** Finds what things cost from two rows: what a phone uses without a VPN, and what one uses that spins whenever it is awake.
 * @param quietPercent - what the first used, in percent of the battery. @param busyPercent - what the second used.
 * @throws RangeError when the second was never in a busy loop, or the first never awake.
 */
export function calibrate(
  quiet: EnergyAccount,
  quietPercent: number,
  busy: EnergyAccount,
  busyPercent: number,
): EnergyModel {
  if (quiet.awakeMs <= 0 || busy.busyMs <= 0) {
    throw new RangeError('a calibration expected one row that is awake and one that is busy');
  }
  const percentPerHour = (ASLEEP_SHARE * quietPercent) / (quiet.elapsedMs / HOUR_MS);
  const perAwakeHour = (percentPerAwakeHour: number, percentPerBusyHour = 0): EnergyModel => ({
    percentPerHour,
    percentPerAwakeHour,
    percentPerBusyHour,
    percentPerRadioHour: RADIO_IN_AWAKE_HOURS * percentPerAwakeHour,
    percentPerWakeUp: WAKE_UP_IN_AWAKE_HOURS * percentPerAwakeHour,
  });
  const asleep = batteryUsed(quiet, perAwakeHour(0));
  const unit = batteryUsed(quiet, perAwakeHour(1)) - asleep;
  const model = perAwakeHour((quietPercent - asleep) / unit);
  const unexplained = busyPercent - batteryUsed(busy, model);
  return { ...model, percentPerBusyHour: unexplained / (busy.busyMs / HOUR_MS) };
}

/** The figures of a row by a model. */
export function figuresOf(outcome: DozeOutcome, model: EnergyModel): DozeFigures {
  const { pings, lostPings, account } = outcome.result;
  return {
    ...outcome,
    batteryPercent: Math.max(0, 100 - batteryUsed(account, model)),
    lossPercent: pings === 0 ? undefined : (100 * lostPings) / pings,
  };
}
