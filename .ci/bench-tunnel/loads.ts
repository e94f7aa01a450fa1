import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { addresses } from '../../packages/cli/test/interop/lab/lab.ts';
import type { StandingTunnel } from './contenders.ts';

/** One number of the table. */
export interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
}

/** Clock ticks of /proc in a second, on every Linux that Node runs on. */
const TICKS = 100;
/** After so long what the last packets have caused is over: searches of the path MTU, collections of garbage. */
const SETTLE_SECONDS = 20;
const source = addresses.left.inner4;
const target = addresses.right.inner4;

/** How long each load lasts, in seconds. */
export interface Durations {
  readonly load: number;
  /** How long the processors are looked at while nothing is sent; 0: not at all. */
  readonly idle: number;
  /** How long more UDP is offered than a tunnel carries, for the memory that it has then; 0: not at all. */
  readonly overload: number;
}

/** Puts every load on a tunnel, one after the other. */
export async function measure(
  tunnel: StandingTunnel,
  { load: seconds, idle: idleSeconds, overload: overloadSeconds }: Durations,
): Promise<Measured[]> {
  const server = tunnel.lab.right.start('iperf3', ['-s', '-B', target]);
  await pause(300);
  const measured: Measured[] = [];
  const add = (name: string, unit: string, value: number): void => {
    measured.push({ name, unit, value });
  };
  add('ping, idle', 'ms', await pingMs(tunnel, 20));
  if (idleSeconds > 0) {
    const [client, server] = await idleProcessorMs(tunnel, idleSeconds);
    add('CPU while idle, client', 'ms in 10 s', client);
    add('CPU while idle, server', 'ms in 10 s', server);
  }
  for (const [name, ...args] of [
    ['TCP up'],
    ['TCP down', '-R'],
    ['TCP both', '--bidir'],
  ] as const) {
    const before = cpuSeconds(tunnel);
    const result = await iperf(tunnel, seconds, ...args);
    const end = result.end;
    const bits =
      (end.sum_received?.bits_per_second ?? 0) +
      (end.sum_received_bidir_reverse?.bits_per_second ?? 0);
    add(name, 'Mbit/s', bits / 1e6);
    const gigabytes = (bits * seconds) / 8e9;
    add(`${name}: CPU of both ends`, 's/GB', (cpuSeconds(tunnel) - before) / gigabytes);
  }
  const pings = pause(500).then(() => pingMs(tunnel, Math.max(5, (seconds - 1) * 10)));
  await iperf(tunnel, seconds);
  add('ping under TCP up', 'ms', await pings);
  for (const bytes of [64, 512, 1300]) {
    const { sum } = (await iperf(tunnel, seconds, '-u', '-b', '0', '-l', String(bytes))).end;
    const received = (sum?.packets ?? 0) - (sum?.lost_packets ?? 0);
    add(`UDP ${bytes} B, received`, 'Mbit/s', (received * bytes * 8) / seconds / 1e6);
  }
  add('resident memory, largest', 'MB', largestMegabytes(tunnel));
  if (overloadSeconds > 0) {
    await iperf(tunnel, overloadSeconds, '-u', '-b', '2G', '-l', '1300');
    const name = `resident memory, largest, with UDP of 2 Gbit/s for ${overloadSeconds} s`;
    add(name, 'MB', largestMegabytes(tunnel));
  }
  await server.stop();
  return measured;
}

interface IperfSum {
  readonly bits_per_second: number;
  readonly packets?: number;
  readonly lost_packets?: number;
}

interface IperfResult {
  readonly end: {
    readonly sum?: IperfSum;
    readonly sum_received?: IperfSum;
    readonly sum_received_bidir_reverse?: IperfSum;
  };
}

async function iperf(
  { lab }: StandingTunnel,
  seconds: number,
  ...args: readonly string[]
): Promise<IperfResult> {
  const line = ['-c', target, '-B', source, '-t', String(seconds), '-J', ...args];
  const printed = await lab.left.run('iperf3', ...line);
  // What it warns of comes behind the JSON.
  const result: IperfResult = JSON.parse(printed.slice(0, printed.lastIndexOf('\n}') + 2));
  await pause(300);
  return result;
}

/** The median round trip. */
async function pingMs({ lab }: StandingTunnel, count: number): Promise<number> {
  const line = ['-n', '-i', '0.1', '-c', String(count), '-W', '2', '-I', source, target];
  const output = await lab.left.run('ping', ...line);
  const times = [...output.matchAll(/time=([\d.]+)/g)].map(([, ms]) => Number(ms));
  return median(times);
}

function cpuSeconds({ pids }: StandingTunnel): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold spaces: state is field 3, utime and stime 14 and 15. See proc(5).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS;
}

/** What each end takes of the processors while nothing is sent, in user and kernel mode. */
async function idleProcessorMs(
  { pids: [client = 0, server = 0] }: StandingTunnel,
  seconds: number,
): Promise<[client: number, server: number]> {
  await pause(SETTLE_SECONDS * 1_000);
  const before = [client, server].map(processorMs);
  await pause(seconds * 1_000);
  const [ofClient = 0, ofServer = 0] = [client, server].map(
    (pid, i) => ((processorMs(pid) - (before[i] ?? 0)) * 10) / seconds,
  );
  return [ofClient, ofServer];
}

/** What the threads of a process have had of the processors: /proc/PID/stat counts nothing below 10 ms. */
function processorMs(pid: number): number {
  const ofThreads = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const [ranNs] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return Number(ranNs) / 1e6;
  });
  return ofThreads.reduce((sum, ms) => sum + ms, 0);
}

function largestMegabytes({ pids }: StandingTunnel): number {
  const peaks = pids.map((pid) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(status.match(/VmHWM:\s+(\d+)/)?.[1] ?? 0) / 1024;
  });
  return Math.max(...peaks);
}

/** The one in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
