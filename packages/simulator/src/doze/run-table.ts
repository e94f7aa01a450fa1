import type { CryptoProvider } from '@ipsec-kit/crypto';
import type { EnergyModel } from '../device/energy-account.ts';
import { checkDefault, checkPublishedOrder, checkRecovery, type DozeCheck } from './doze-checks.ts';
import { CARRIER_ROWS, DOZE_ROWS, OWN_DEFERRED_ROW, OWN_ROW } from './doze-rows.ts';
import { calibrate, type DozeFigures, type DozeOutcome, figuresOf, runRows } from './doze-table.ts';
import { measureRecovery, type Recovery } from './measure-recovery.ts';

/** All that a phone went through, and what follows. */
export interface DozeTable {
  readonly model: EnergyModel;
  /** Names of the rows that the model is calibrated on; the battery of all others is predicted. */
  readonly calibratedOn: readonly [quiet: string, busy: string];
  /** The published rows. */
  readonly rows: readonly DozeFigures[];
  /** Those without loss behind the NAT of a mobile network. */
  readonly carrierRows: readonly DozeFigures[];
  /** The project's default there: whitelisted, and not. */
  readonly own: DozeFigures;
  readonly ownDeferred: DozeFigures;
  /** After hours in which the alarm alone woke the phone, and late. */
  readonly recovery: Recovery;
  readonly checks: readonly DozeCheck[];
}

/** Hours after which the phone that is not whitelisted is taken up: long in idle mode. */
const RECOVERY_AFTER_HOURS = 3;

/** Runs all rows, and checks what they have to show. */
export function runDozeTable(seed: number | string, crypto?: CryptoProvider): DozeTable {
  const outcomes = runRows(DOZE_ROWS, seed, crypto);
  const quiet = calibrating(outcomes, 'quiet');
  const busy = calibrating(outcomes, 'busy');
  const model = calibrate(quiet.account, quiet.usedPercent, busy.account, busy.usedPercent);
  const run = (...rows: Parameters<typeof runRows>[0]): readonly DozeFigures[] =>
    runRows(rows, seed, crypto).map((outcome) => figuresOf(outcome, model));
  const rows = outcomes.map((outcome) => figuresOf(outcome, model));
  const carrierRows = run(...CARRIER_ROWS);
  const [own, ownDeferred] = run(OWN_ROW, OWN_DEFERRED_ROW);
  if (!own || !ownDeferred) throw new Error('a row has no result');
  const plan = { ...OWN_DEFERRED_ROW.plan, hours: RECOVERY_AFTER_HOURS };
  const recovery = measureRecovery(plan, seed, crypto);
  return {
    model,
    calibratedOn: [quiet.name, busy.name],
    rows,
    carrierRows,
    own,
    ownDeferred,
    recovery,
    checks: [
      ...checkPublishedOrder(rows),
      ...checkDefault(own, carrierRows),
      checkRecovery(recovery),
    ],
  };
}

function calibrating(outcomes: readonly DozeOutcome[], part: 'quiet' | 'busy') {
  const outcome = outcomes.find(({ row }) => row.calibrates === part);
  const published = outcome?.row.published;
  if (!outcome || !published) throw new Error(`no published row calibrates "${part}"`);
  const { row, result } = outcome;
  const usedPercent = 100 - published.batteryPercent;
  return { name: row.name, account: result.account, usedPercent };
}
