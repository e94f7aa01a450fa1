// A phone that sleeps for 22 hours behind a NAT and is pinged by the server every five minutes, in several configurations:
//   npm run sim:doze [-- --seed 1] [--json]
// The real IKE endpoints and packet engines run in virtual time; battery, loss and wake-ups are printed beside what was published.
import { parseArgs } from 'node:util';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  calibrate,
  carrierNat,
  DOZE_ROWS,
  figuresOf,
  HOME_NAT,
  keepalives,
  noChecks,
  PHONE,
  QUIET_WIFI,
  runRows,
} from '../packages/simulator/src/index.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, json: { type: 'boolean', default: false } },
});
const [QUIET, BUSY] = ['no VPN', 'boottime, not waited for'];
const startedAt = performance.now();
const crypto = createNodeProvider();

const outcomes = runRows(DOZE_ROWS, values.seed, crypto);
const named = (name) => outcomes.find(({ row }) => row.name === name);
const used = (name) => 100 - named(name).row.published.batteryPercent;
const model = calibrate(
  named(QUIET).result.account,
  used(QUIET),
  named(BUSY).result.account,
  used(BUSY),
);

// Again behind a mobile network's NAT: what lost nothing there, and the project with the defaults that its VPN has today.
const behind = carrierNat();
const lossless = DOZE_ROWS.filter(({ published }) => published?.lossPercent === 0);
const today = (name, device) => ({
  name,
  plan: {
    hours: 22,
    device: { ...PHONE, ...device },
    nat: behind,
    link: QUIET_WIFI,
    client: keepalives(20_000, 20_000),
    server: noChecks,
  },
});
const behindCarrier = runRows(
  [
    ...lossless.map(({ name, plan }) => ({ name, plan: { ...plan, nat: behind } })),
    today('ipsec-kit today, whitelisted', { isWhitelisted: true }),
    today('ipsec-kit today, not whitelisted', {}),
  ],
  values.seed,
  crypto,
);

const figures = outcomes.map((outcome) => figuresOf(outcome, model));
const carrierFigures = behindCarrier.map((outcome) => figuresOf(outcome, model));
if (values.json) {
  console.log(
    JSON.stringify({
      seed: values.seed,
      model,
      rows: figures.map(plain),
      carrierRows: carrierFigures.map(plain),
    }),
  );
} else {
  print(`Behind a NAT of ${HOME_NAT.lifetimeMs / 1000} s (fitted), one port for good`, figures);
  print(`Behind a NAT of ${behind.lifetimeMs / 1000} s, another port each time`, carrierFigures);
  console.log(
    `\nThe energy model is calibrated on "${QUIET}" and "${BUSY}"; all other figures are predictions.`,
  );
  console.log(
    `The phone's wakes and the NAT's lifetime are fitted, the same for all rows. Seed ${values.seed}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`,
  );
}

function plain({ row, result, batteryPercent, lossPercent }) {
  const { keepalivePausesMs, ...counts } = result;
  return {
    name: row.name,
    hours: row.plan.hours,
    published: row.published,
    batteryPercent,
    lossPercent,
    ...counts,
  };
}

function print(title, rows) {
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
      '0xFF',
      'DPD',
      'by server',
      'sessions',
    ]),
  );
  for (const { row, result, batteryPercent, lossPercent } of rows) {
    const { published, plan } = row;
    console.log(
      line([
        row.name,
        plan.hours,
        percent(batteryPercent),
        percent(published?.batteryPercent),
        percent(lossPercent),
        percent(published?.lossPercent),
        result.wakeUpsPerHour.toFixed(0),
        result.keepalives,
        result.clientChecks,
        result.serverChecks,
        result.sessions,
      ]),
    );
  }
}

function percent(value) {
  return value === undefined ? '-' : `${value.toFixed(0)} %`;
}

function line([name, ...columns]) {
  return name.padEnd(36) + columns.map((text) => String(text).padStart(10)).join('');
}
