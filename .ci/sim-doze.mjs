// A phone that sleeps for 22 hours behind a NAT and is pinged by the server every five minutes, in several configurations:
//   npm run sim:doze [-- --seed 1] [--json]
// The real IKE endpoints and packet engines run in virtual time; battery, loss and wake-ups are printed beside what was published,
// and then whether they show what they have to: exit code 1 when they do not.
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { CARRIER_NAT, HOME_NAT, runDozeTable } from '../packages/simulator/src/index.ts';
import { readOptions } from './command-line.mjs';

const USAGE = 'npm run sim:doze -- [--seed 1] [--json]';
const values = readOptions(USAGE, {
  seed: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
});
const { seed } = values;
const startedAt = performance.now();
const table = runDozeTable(seed, createNodeProvider());
const { model, calibratedOn, rows, carrierRows, own, ownDeferred, recovery, checks } = table;
const carrierFigures = [...carrierRows, own, ownDeferred];
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);

if (values.json) {
  console.log(
    JSON.stringify({
      seed,
      calibratedOn,
      model,
      homeNat: HOME_NAT,
      carrierNat: CARRIER_NAT,
      rows: rows.map(plain),
      carrierRows: carrierFigures.map(plain),
      recovery,
      checks,
    }),
  );
} else {
  print(`Behind a NAT of ${HOME_NAT.lifetimeMs / 1000} s (fitted), one port for good`, rows);
  print(
    `Behind a NAT of ${CARRIER_NAT.lifetimeMs / 1000} s, another port each time`,
    carrierFigures,
  );
  console.log(`\nPublished: strongSwan bug 3364, a Pixel 4 with Android 10, 2020.
tunnel/h: wake-ups by alarms and packets, and others' wake-ups that a busy loop makes use of.
The energy model is calibrated on "${calibratedOn.join('" and "')}"; the battery of all other rows is predicted.
The phone's own wake-ups and the NAT's lifetime are fitted, the same for all rows. Seed ${seed}, ${seconds} s.\n`);
  for (const { holds, claim, detail } of checks) {
    console.log(`${holds ? 'ok    ' : 'FAILED'} ${claim}: ${detail}`);
  }
}
if (checks.some(({ holds }) => !holds)) process.exitCode = 1;

function plain({ row, result, batteryPercent, lossPercent }) {
  const { keepalivePausesMs, progress, ...counts } = result;
  const { name, plan, published } = row;
  return { name, hours: plan.hours, published, batteryPercent, lossPercent, ...counts };
}

function print(title, figures) {
  console.log(`\n${title}`);
  console.log(
    line([
      '',
      'hours',
      'battery',
      'published',
      'loss',
      'published',
      'wakes/h',
      'tunnel/h',
      '0xFF',
      'DPD',
      'by server',
      'awake',
      'busy',
      'radio',
    ]),
  );
  for (const { row, result, batteryPercent, lossPercent } of figures) {
    const { published, plan } = row;
    const { account } = result;
    console.log(
      line([
        row.name,
        plan.hours,
        percent(batteryPercent),
        percent(published?.batteryPercent),
        percent(lossPercent),
        percent(published?.lossPercent),
        result.wakeUpsPerHour.toFixed(0),
        result.tunnelWakeUpsPerHour.toFixed(1),
        result.keepalives,
        result.clientChecks,
        result.serverChecks,
        minutes(account.awakeMs),
        minutes(account.busyMs),
        minutes(account.radioMs),
      ]),
    );
  }
}

function percent(value) {
  return value === undefined ? '-' : `${value.toFixed(0)} %`;
}

function minutes(ms) {
  return `${(ms / 60_000).toFixed(0)} min`;
}

function line([name, ...columns]) {
  return name.padEnd(36) + columns.map((text) => String(text).padStart(10)).join('');
}
