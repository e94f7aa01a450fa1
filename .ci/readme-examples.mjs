// Type-checks and runs the ```ts blocks of every package's README, so that they cannot rot.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const failures = [];
const files = [];
for (const name of readdirSync('packages')) {
  const readme = `packages/${name}/README.md`;
  const cache = `packages/${name}/.cache`;
  rmSync(cache, { recursive: true, force: true });
  if (!existsSync(readme)) {
    failures.push(`${name} has no README.md`);
    continue;
  }
  const blocks = [...readFileSync(readme, 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm)];
  if (blocks.length === 0 && name !== 'cli') failures.push(`${readme} has no example`);
  if (blocks.length === 0) continue;
  mkdirSync(cache, { recursive: true });
  blocks.forEach(([, code], index) => {
    const file = `${cache}/readme-${index + 1}.ts`;
    writeFileSync(file, code);
    files.push(file);
  });
}

const base = JSON.parse(readFileSync('tsconfig.base.json', 'utf8'));
mkdirSync('node_modules/.cache', { recursive: true });
const project = 'node_modules/.cache/tsconfig.readmes.json';
writeFileSync(
  project,
  JSON.stringify({
    compilerOptions: {
      ...base.compilerOptions,
      isolatedDeclarations: false,
      declaration: false,
      types: ['node'],
    },
    files: files.map((file) => `../../${file}`),
  }),
);
try {
  execFileSync('node_modules/.bin/tsc', ['-p', project], { stdio: 'inherit' });
} catch {
  failures.push('an example does not type-check');
}
for (const file of files) {
  try {
    const output = execFileSync(
      process.execPath,
      ['--import', 'tsx', '--conditions=@ipsec-kit/source', file],
      { encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    if (output.trim() === '') failures.push(`${file} prints nothing`);
  } catch (error) {
    failures.push(`${file} failed:\n${error.stderr ?? error}`);
  }
}
for (const failure of failures) console.error(failure);
console.log(`${files.length} README examples checked, ${failures.length} failures`);
process.exitCode = failures.length === 0 ? 0 : 1;
