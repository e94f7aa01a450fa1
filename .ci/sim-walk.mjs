// Random schedules over two peers in virtual time, in as many as wanted:
//   npm run sim:walk -- --schedules 100000 [--processes 2] [--first 1]
// Prints the first seed that fails, with its shortest prefix, and ends with 1.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { walkSeeds } from '../packages/simulator/src/index.ts';

const REPORT_EVERY = 5_000;
const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '2000' },
    processes: { type: 'string', default: '1' },
    first: { type: 'string', default: '1' },
  },
});
const [runs, processes, first] = [values.schedules, values.processes, values.first].map(Number);
if (![runs, processes, first].every((number) => Number.isInteger(number) && number > 0)) {
  throw new RangeError('--schedules, --processes and --first expect whole numbers of at least 1');
}

if (processes > 1) {
  const share = Math.ceil(runs / processes);
  const shares = Array.from({ length: processes }, (_, index) => {
    const from = first + index * share;
    return [from, Math.min(share, first + runs - from)];
  }).filter(([, count]) => count > 0);
  const codes = await Promise.all(shares.map(([from, count]) => walkApart(from, count)));
  process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
} else {
  walkHere();
}

function walkApart(from, count) {
  const own = process.argv[1];
  const args = [...process.execArgv, own, '--schedules', `${count}`, '--first', `${from}`];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  return new Promise((resolve) => child.on('close', resolve));
}

function walkHere() {
  let walked = 0;
  const startedAt = performance.now();
  try {
    const { outcomes } = walkSeeds({
      crypto: createNodeProvider(),
      runs,
      firstSeed: first,
      replay: 'npm run sim:walk -- --schedules 1 --first <seed>',
      onWalk(seed) {
        walked += 1;
        if (walked % REPORT_EVERY === 0) console.log(`${walked} of ${runs}, up to seed ${seed}`);
      },
    });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
    console.log(`${walked} schedules from seed ${first} in ${seconds} s:`, outcomes);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error(`${walked} schedules passed before it`);
    process.exitCode = 1;
  }
}
