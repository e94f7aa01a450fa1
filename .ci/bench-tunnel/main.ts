// Measures the built command against other tunnels in userspace, on this machine, in network namespaces: needs root,
// /dev/net/tun and the Debian packages iperf3, tcpdump, tshark, strongswan-swanctl, charon-systemd, wireguard-go and
// wireguard-tools. One that is missing is left out, and that is said. More implementations of WireGuard are named with
// `--wireguard NAME=PROGRAM`: `go install golang.zx2c4.com/wireguard@latest` and `cargo install boringtun-cli` make two.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { type Contender, ipsecKit, strongSwan, wireguard } from './contenders.ts';
import { type Measured, measure, median } from './loads.ts';
import { benchOptions } from './options.ts';
import { picture } from './picture.ts';

const options = benchOptions();
const { rounds, seconds } = options;

function isHere(program: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(`left out: ${program} is not installed\n`);
    return false;
  }
}

const contenders: Contender[] = [
  ipsecKit('ipsec-kit'),
  ...(options.portable ? [ipsecKit('ipsec-kit --portable', '--portable')] : []),
  ...(isHere('swanctl') ? [strongSwan] : []),
  ...(isHere('wireguard-go') && isHere('wg') ? [wireguard('wireguard-go')] : []),
  ...options.wireguard.map((entry) => {
    const [name = entry, program = name] = entry.split('=');
    return wireguard(name, program);
  }),
];

interface Run {
  readonly contender: string;
  readonly round: number;
  readonly measured: readonly Measured[];
  readonly facts: Record<string, unknown>;
}

const runs: Run[] = [];
for (let round = 1; round <= rounds; round += 1) {
  for (const contender of contenders) {
    process.stderr.write(`round ${round} of ${rounds}: ${contender.name}\n`);
    const tunnel = await contender.start();
    try {
      const measured = await measure(tunnel, {
        load: seconds,
        idle: options.idle,
        // Once is enough for what only grows.
        overload: round === 1 ? options.overload : 0,
      });
      const facts = { ...(await tunnel.facts()), loadAverage: loadavg()[0] };
      runs.push({ contender: contender.name, round, measured, facts });
    } finally {
      await tunnel.close();
    }
  }
}

function resultOf(contender: string, name: string): number {
  const found = runs
    .filter((run) => run.contender === contender)
    .flatMap(({ measured }) => measured.filter((one) => one.name === name));
  return median(found.map(({ value }) => value));
}

const precise = new Intl.NumberFormat('en', { maximumSignificantDigits: 3, useGrouping: false });
const rounded = (value: number): number => Number(value.toPrecision(4));
const measurements = runs[0]?.measured ?? [];
const rows = measurements.map(({ name, unit }) => {
  const own = resultOf('ipsec-kit', name);
  const cells = contenders.map((contender) => {
    const value = resultOf(contender.name, name);
    const ratio = unit === 'Mbit/s' ? own / value : value / own;
    // Nothing is how many times nothing?
    const isAlone = contender.name === 'ipsec-kit' || !Number.isFinite(ratio);
    if (!Number.isFinite(value)) return '';
    return isAlone ? precise.format(value) : `${precise.format(value)} (${precise.format(ratio)}x)`;
  });
  return `| ${name} | ${unit} | ${cells.join(' | ')} |`;
});
console.log(`| | | ${contenders.map(({ name }) => name).join(' | ')} |`);
console.log(`|---|---|${contenders.map(() => '---').join('|')}|`);
console.log(rows.join('\n'));
console.log(
  `\nMedians of ${rounds} rounds of ${seconds} s; in brackets how many times better ipsec-kit is.`,
);

const json = JSON.stringify({
  commit: execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim(),
  isChanged: execFileSync('git', ['status', '--porcelain'], { encoding: 'utf8' }) !== '',
  date: new Date().toISOString(),
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release() },
  node: process.version,
  seconds,
  medians: Object.fromEntries(
    measurements.map(({ name, unit }) => [
      `${name}, ${unit}`,
      Object.fromEntries(
        contenders.map((contender) => [contender.name, rounded(resultOf(contender.name, name))]),
      ),
    ]),
  ),
  runs,
});
writeFileSync(
  options.json,
  execFileSync('npx', ['biome', 'format', '--stdin-file-path=bench-tunnel.json'], {
    encoding: 'utf8',
    input: json,
    stdio: ['pipe', 'pipe', 'inherit'],
  }),
);

const groups = measurements
  .filter(({ unit }) => unit === 'Mbit/s')
  .map(({ name }) => ({
    name,
    values: contenders.map((contender) => resultOf(contender.name, name)),
  }));
const cpu = cpus()[0]?.model.trim() ?? 'unknown CPU';
writeFileSync(
  options.svg,
  picture(groups, {
    title: 'Throughput of a tunnel, both ends on one machine',
    footnote: `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores of ${cpu}, Linux ${release()}, Node ${process.version}; medians of ${rounds} rounds of ${seconds} s`,
    names: contenders.map(({ name }) => name),
  }),
);
process.exit(0);
