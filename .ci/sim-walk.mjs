// Random schedules over two peers in virtual time, in as many as wanted.
import { spawn } from 'node:child_process';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { WALK_CONFIGURATIONS, walkSeeds } from '../packages/simulator/src/index.ts';
import { readOptions, refuse } from './command-line.mjs';

const USAGE = `npm run sim:walk -- [--schedules 100000] [--processes 2] [--first 1] [--without reauthenticate,open]
  [--configurations all|timed|untimed] [--keep-going]
Prints the first seed that fails, with its shortest prefix, and ends with 1. With --keep-going it prints all that fail, in a line
each. At the end it says how often each act, collision and loss occurred in the schedules that pass.`;
const REPORT_EVERY = 5_000;
const values = readOptions(USAGE, {
  schedules: { type: 'string', default: '100000' },
  processes: { type: 'string', default: '1' },
  first: { type: 'string', default: '1' },
  without: { type: 'string', default: '' },
  configurations: { type: 'string', default: 'all' },
  'keep-going': { type: 'boolean', default: false },
});
const [runs, processes, first] = [values.schedules, values.processes, values.first].map(Number);
if (![runs, processes, first].every((number) => Number.isInteger(number) && number > 0)) {
  refuse('--schedules, --processes and --first expect whole numbers of at least 1', USAGE);
}
const choice = {
  without: values.without.split(',').filter((act) => act !== ''),
  configurations: chosenConfigurations(values.configurations),
};

if (processes > 1) {
  const share = Math.ceil(runs / processes);
  const shares = Array.from({ length: processes }, (_, index) => {
    const from = first + index * share;
    return [from, Math.min(share, first + runs - from)];
  }).filter(([, count]) => count > 0);
  const codes = await Promise.all(shares.map(([from, count]) => walkApart(from, count)));
  process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
} else {
  process.exitCode = walkHere(first, runs) ? 0 : 1;
}

function chosenConfigurations(which) {
  switch (which) {
    case 'all':
      return WALK_CONFIGURATIONS;
    case 'timed':
      return WALK_CONFIGURATIONS.filter(({ isTimed }) => isTimed);
    case 'untimed':
      return WALK_CONFIGURATIONS.filter(({ isTimed }) => !isTimed);
    default:
      return refuse(`--configurations expects all, timed or untimed, got ${which}`, USAGE);
  }
}

function walkApart(from, count) {
  const own = process.argv[1];
  const { without, configurations, 'keep-going': keepsGoing } = values;
  const args = [...process.execArgv, own, '--schedules', `${count}`, '--first', `${from}`];
  args.push(
    '--without',
    without,
    '--configurations',
    configurations,
    ...(keepsGoing ? ['--keep-going'] : []),
  );
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  return new Promise((resolve) => child.on('close', resolve));
}

function walkHere(from, count) {
  const crypto = createNodeProvider();
  const startedAt = performance.now();
  const replay = 'npm run sim:walk -- --schedules 1 --first <seed> and the same options';
  const outcomes = {};
  const occurrences = {};
  let passed = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    try {
      const result = walkSeeds({ crypto, choice, runs: 1, firstSeed: seed, replay });
      addTo(outcomes, result.outcomes);
      addTo(occurrences, result.occurrences);
      passed += 1;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!values['keep-going'] || !Number.isInteger(error?.seed)) {
        console.error(message);
        console.error(`${passed} schedules passed before it`);
        return false;
      }
      console.error(message.split('\n', 1)[0].slice(0, 400));
    }
    const walked = seed - from + 1;
    if (walked % REPORT_EVERY === 0) console.log(`${walked} of ${count}, up to seed ${seed}`);
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`${passed} of ${count} schedules from seed ${from} pass, in ${seconds} s:`, outcomes);
  const sorted = Object.entries(occurrences).sort(([, a], [, b]) => b - a);
  console.log(Object.fromEntries(sorted));
  return passed === count;
}

function addTo(sums, counts) {
  for (const [what, count] of Object.entries(counts)) sums[what] = (sums[what] ?? 0) + count;
}
