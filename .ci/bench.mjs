// Runs every packages/*/bench/*.bench.ts in one process after the other and prints one table.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const only = process.argv.slice(2);
const files = readdirSync('packages')
  .map((name) => `packages/${name}/bench`)
  .filter((dir) => existsSync(dir))
  .flatMap((dir) =>
    readdirSync(dir)
      .filter((file) => file.endsWith('.bench.ts'))
      .map((file) => `${dir}/${file}`),
  )
  .filter((file) => only.length === 0 || only.some((name) => file.includes(name)));

const rows = [];
for (const file of files) {
  process.stderr.write(`running ${file}\n`);
  const script = `import { bench } from ${JSON.stringify(new URL(`../${file}`, import.meta.url).href)};
const rows = await bench();
process.stdout.write('\\n@@' + JSON.stringify(rows));
process.exit(0);`;
  const output = execFileSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=@ipsec-kit/source', '--input-type=module', '-e', script],
    { encoding: 'utf8', maxBuffer: 1 << 24, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  rows.push(...JSON.parse(output.slice(output.lastIndexOf('@@') + 2)));
}

const width = Math.max(...rows.map((row) => row.name.length));
const precise = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
for (const { name, value, unit } of rows)
  console.log(`${name.padEnd(width)}  ${precise.format(value).padStart(12)} ${unit}`);
