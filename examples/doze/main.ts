// Draws what 22 hours of sleep do to a tunnel, in several configurations: see README.md.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { CARRIER_NAT, type DozeFigures, HOME_NAT, runDozeTable } from '@ipsec-kit/simulator';
import { type Lane, picture } from './picture.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: fileURLToPath(new URL('doze.svg', import.meta.url)) },
  },
});

const table = runDozeTable(values.seed, createNodeProvider());
const withTunnel = table.rows.filter(({ result }) => result.pings > 0);
const svg = picture({
  title: 'A phone asleep for 22 hours, its tunnel pinged every five minutes',
  hours: Math.max(...withTunnel.map(({ row }) => row.plan.hours)),
  groups: [
    {
      title: `As measured on a Pixel 4 in 2020 (in brackets); home NAT of ${HOME_NAT.lifetimeMs / 1000} s`,
      lanes: withTunnel.map(lane),
    },
    {
      title: `This project's default, nothing configured; mobile NAT of ${CARRIER_NAT.lifetimeMs / 1000} s, another port each time`,
      lanes: [table.own, table.ownDeferred].map(lane),
    },
  ],
  footnotes: [
    'Both ends are the real IKE and ESP machines in virtual time. Measured figures: strongSwan bug 3364; in its rows the configuration is all that differs.',
    `Battery is predicted by a model that is calibrated on "${table.calibratedOn.join('" and "')}". The wake lock was measured for four hours.`,
  ],
});
writeFileSync(values.out, svg);
console.log(`${values.out}: ${withTunnel.length + 2} rows, ${svg.length} bytes`);

function lane({ row, result, batteryPercent, lossPercent = 0 }: DozeFigures): Lane {
  return {
    name: row.name,
    progress: result.progress,
    isBusy: result.account.busyMs > 0,
    isAlwaysAwake: result.account.awakeMs >= result.account.elapsedMs,
    wakeUpsPerHour: result.tunnelWakeUpsPerHour,
    lossPercent,
    batteryPercent,
    ...(row.published ? { measured: row.published } : {}),
  };
}
