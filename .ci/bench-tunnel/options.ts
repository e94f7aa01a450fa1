import { readOptions, refuse } from '../command-line.mjs';

const USAGE = `npm run bench:tunnel -- [--rounds 3] [--seconds 5] [--idle 10] [--overload 30] [--portable]
  [--wireguard NAME=PROGRAM]... [--json bench-tunnel.json] [--svg bench-tunnel.svg]
Measures the built command against strongSwan's kernel-libipsec and wireguard-go, in turn; needs root and what \`npm run build\`
makes. --portable adds ipsec-kit without FFI, --wireguard other implementations of WireGuard. --idle and --overload are seconds;
0 leaves that part out.`;

/** What the tunnels are measured with. */
export interface BenchOptions {
  readonly rounds: number;
  /** Of each load, of silence, and of the flood. */
  readonly seconds: number;
  readonly idle: number;
  readonly overload: number;
  readonly json: string;
  readonly svg: string;
  readonly portable: boolean;
  readonly wireguard: readonly string[];
}

/** Reads the options of the command line; ends with the usage where they make no sense, or when it is asked for. */
export function benchOptions(): BenchOptions {
  const { rounds, seconds, idle, overload, json, svg, portable, wireguard } = readOptions(USAGE, {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    idle: { type: 'string', default: '10' },
    overload: { type: 'string', default: '30' },
    json: { type: 'string', default: 'bench-tunnel.json' },
    svg: { type: 'string', default: 'bench-tunnel.svg' },
    portable: { type: 'boolean', default: false },
    wireguard: { type: 'string', multiple: true, default: [] },
  });
  return {
    rounds: numberOf('--rounds', rounds, 1),
    seconds: numberOf('--seconds', seconds, 1),
    idle: numberOf('--idle', idle, 0),
    overload: numberOf('--overload', overload, 0),
    json,
    svg,
    portable,
    wireguard,
  };
}

function numberOf(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  return refuse(`${name} expects a whole number of at least ${least}, got ${text}`, USAGE);
}
