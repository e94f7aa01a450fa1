// Lints every built package as npm would publish it: publint --strict and attw.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);
const packages = readdirSync('packages');
const problems = [];

async function check(name) {
  const dir = `packages/${name}`;
  const manifest = JSON.parse(readFileSync(`${dir}/package.json`, 'utf8'));
  const commands = [
    ['publint', ['--strict', dir]],
    // The command exports no types of its own.
    ...(manifest.exports ? [['attw', ['--pack', dir, '--profile', 'esm-only']]] : []),
  ];
  for (const [command, args] of commands) {
    try {
      await run(`node_modules/.bin/${command}`, args, { maxBuffer: 1 << 24 });
    } catch (error) {
      problems.push(`${command} ${name}:\n${error.stdout}${error.stderr}`);
    }
  }
  for (const field of ['description', 'license', 'repository', 'engines', 'files', 'sideEffects'])
    if (manifest[field] === undefined) problems.push(`${name}: package.json lacks "${field}"`);
}

const queue = [...packages];
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (let name = queue.shift(); name; name = queue.shift()) await check(name);
  }),
);
for (const problem of problems) console.error(problem);
console.log(
  `${packages.length - problems.length} packages fit to publish, ${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
