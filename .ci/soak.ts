// TCP both ways with checksums through a NAT that changes its mappings and a link that loses packets, while keys change all the time:
//   npm run soak [-- --minutes 60]
// Root, on Linux with nftables and conntrack. Exit code 1 when a byte was lost or changed, or memory or descriptors grew.
import { soak } from '../packages/cli/test/interop/lab/soak.ts';
import { readOptions, refuse } from './command-line.mjs';
import { interopGate } from './interop-gate.ts';

const USAGE = 'npm run soak -- [--minutes 1]';
const { minutes } = readOptions(USAGE, { minutes: { type: 'string', default: '1' } });
const seconds = Number(minutes) * 60;
if (!(seconds >= 40)) refuse(`--minutes expects 0.7 or more, got ${minutes}`, USAGE);
if (interopGate(['root', 'tun', 'netns', 'nft', 'conntrack'], 'the soak').skip) process.exit(1);

const { rows, faults } = await soak(seconds);
const table = [['', 'client', 'server'] as const, ...rows];
const widths = [0, 1].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
for (const [name, client, server] of table)
  console.log(`${name.padEnd(widths[0] ?? 0)}  ${client.padEnd(widths[1] ?? 0)}  ${server}`);
for (const fault of faults) console.log(`fault: ${fault}`);
console.log(faults.length === 0 ? `${seconds} s without a fault` : `${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
