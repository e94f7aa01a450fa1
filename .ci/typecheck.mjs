// Type-checks every package and example from source: no build is needed first.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const only = process.argv.slice(2);
const projects = ['packages', 'examples']
  .flatMap((top) => readdirSync(top).map((name) => `${top}/${name}`))
  .flatMap((dir) => [`${dir}/tsconfig.json`, `${dir}/tsconfig.test.json`])
  .filter((file) => existsSync(file))
  .filter((file) => only.length === 0 || only.some((name) => file.split('/')[1] === name));

let failed = 0;
async function worker() {
  for (let project = projects.shift(); project; project = projects.shift()) {
    const child = spawn('node_modules/.bin/tsc', ['-p', project], { stdio: 'inherit' });
    const code = await new Promise((resolve) => child.on('close', resolve));
    if (code !== 0) {
      failed += 1;
      console.error(`typecheck failed: ${project}`);
    }
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, worker));
process.exitCode = failed === 0 ? 0 : 1;
