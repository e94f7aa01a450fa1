import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  clientConfiguration,
  serverConfiguration,
} from '../../packages/cli/test/interop/lab/configuration.ts';
import { addresses, createLab, type Lab } from '../../packages/cli/test/interop/lab/lab.ts';
import type { Background } from '../../packages/cli/test/interop/lab/shell.ts';
import { StrongSwan } from '../../packages/cli/test/interop/lab/strongswan.ts';

/** A tunnel between the two hosts of a lab, from the virtual address of the left to the network of the right. */
export interface StandingTunnel {
  readonly lab: Lab;
  /** The processes whose time and memory count. */
  readonly pids: readonly number[];
  /** More about it, for the JSON, when all loads are done. */
  facts(): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

/** What is measured. */
export interface Contender {
  readonly name: string;
  start(): Promise<StandingTunnel>;
}

const command = fileURLToPath(new URL('../../packages/cli/bin/ipsec-kit.js', import.meta.url));
/** For a profile of both ends: `BENCH_NODE_ARGS='--cpu-prof --cpu-prof-dir=DIR'`. */
const nodeArgs = (process.env.BENCH_NODE_ARGS ?? '').split(' ').filter((arg) => arg !== '');
const tunnel = { pool: false, esp: 'aes256gcm16' } as const;

/** The command as it was built, with its default configuration or more arguments. */
export function ipsecKit(name: string, ...args: string[]): Contender {
  return { name, start: () => standing((lab) => startIpsecKit(lab, args)) };
}

/** strongSwan with its plugin kernel-libipsec at both ends. */
export const strongSwan: Contender = {
  name: 'strongSwan kernel-libipsec',
  start: () =>
    standing(async (lab) => {
      await StrongSwan.start(lab.right, serverConfiguration(tunnel));
      const client = await StrongSwan.start(lab.left, clientConfiguration(tunnel));
      await client.initiate('net');
      return { pids: pidsOf(lab, 'charon-systemd'), facts: async () => ({}) };
    }),
};

/** An implementation of WireGuard in userspace at both ends. @param program - started like wireguard-go. */
export function wireguard(name: string, program: string = name): Contender {
  return { name, start: () => standing((lab) => startWireguard(lab, program)) };
}

type Started = Pick<StandingTunnel, 'pids' | 'facts'>;

async function standing(start: (lab: Lab) => Promise<Started>): Promise<StandingTunnel> {
  const lab = await createLab();
  try {
    const started = await start(lab);
    for (let attempt = 0; ; attempt += 1) {
      try {
        await lab.left.ping(addresses.right.inner4, { source: addresses.left.inner4, count: 1 });
        break;
      } catch (error) {
        if (attempt === 10) throw error;
        await pause(200);
      }
    }
    return { ...started, lab, close: () => lab.close() };
  } catch (error) {
    const outputs = lab.outputs();
    await lab.close();
    throw new Error(`${String(error)}\n${outputs}`, { cause: error });
  }
}

async function startIpsecKit(lab: Lab, args: readonly string[]): Promise<Started> {
  const keys = join(lab.left.dir, 'keys');
  mkdirSync(keys, { recursive: true });
  const start = (side: 'left' | 'right', role: string, text: string, more: readonly string[]) => {
    const config = lab[side].file('tunnel.conf', text);
    const control = `${lab[side].dir}/control.sock`;
    const line = [
      ...nodeArgs,
      command,
      role,
      '--config',
      config,
      '--control',
      control,
      ...args,
      ...more,
    ];
    return lab[side].start(process.execPath, line);
  };
  const server = start('right', 'serve', serverConfiguration(tunnel), []);
  await server.waitFor(/listening/i);
  const client = start('left', 'connect', clientConfiguration(tunnel), ['--keylog', keys]);
  await client.waitFor(/Child SA net.*(open|established)/i);
  const status = async (side: 'left' | 'right'): Promise<Status> => {
    const control = `${lab[side].dir}/control.sock`;
    const line = [command, 'status', '--json', '--control', control];
    return JSON.parse(await lab[side].run(process.execPath, ...line));
  };
  return {
    pids: [pidOf(client), pidOf(server)],
    async facts() {
      const [left, right] = [await status('left'), await status('right')];
      return {
        esp: await decryptedPings(lab, keys),
        left: { counters: left.counters, datagrams: left.datagrams },
        right: { counters: right.counters, datagrams: right.datagrams },
        warnings: `${client.output}${server.output}`.match(/^.*(slower|defect).*$/gim) ?? [],
      };
    },
  };
}

interface Status {
  readonly counters: unknown;
  readonly datagrams: unknown;
}

/** Captures pings between the hosts and decrypts them with the key log. @returns how many came out of ESP. */
async function decryptedPings(lab: Lab, keys: string): Promise<number> {
  const capture = join(lab.left.dir, 'outside.pcap');
  const filter = ['-i', 'eth0', '-U', '-c', '6', '-w', capture, 'udp port 4500'];
  const tcpdump = lab.left.start('tcpdump', filter);
  await tcpdump.waitFor(/listening/i);
  await lab.left.ping(addresses.right.inner4, { source: addresses.left.inner4, count: 3 });
  await Promise.race([tcpdump.exited, pause(2_000)]);
  await tcpdump.stop();
  const profile = join(lab.left.dir, 'wireshark');
  mkdirSync(profile, { recursive: true });
  for (const file of readdirSync(keys)) execFileSync('cp', [join(keys, file), profile]);
  const decode = ['-o', 'esp.enable_encryption_decode:TRUE', '-d', 'udp.port==4500,udpencap'];
  const fields = ['-Y', 'esp && icmp', '-T', 'fields', '-e', 'icmp.type'];
  const output = execFileSync('tshark', ['-r', capture, ...decode, ...fields], {
    encoding: 'utf8',
    env: { ...process.env, WIRESHARK_CONFIG_DIR: profile },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const found = output.split('\n').filter((line) => line !== '').length;
  if (found === 0) throw new Error('what went over the link were not pings inside ESP');
  return found;
}

async function startWireguard(lab: Lab, program: string): Promise<Started> {
  const keyPair = (): { secret: string; open: string } => {
    const secret = execFileSync('wg', ['genkey'], { encoding: 'utf8' }).trim();
    return {
      secret,
      open: execFileSync('wg', ['pubkey'], { input: secret, encoding: 'utf8' }).trim(),
    };
  };
  const keys = { left: keyPair(), right: keyPair() };
  const daemons: Background[] = [];
  for (const side of ['left', 'right'] as const) {
    const other = side === 'left' ? 'right' : 'left';
    const host = lab[side];
    // Its control socket lies in a directory that all namespaces share.
    const device = `wg${process.pid % 100_000}${side[0]}`;
    // boringtun gives up its rights otherwise, and then cannot make the device.
    const environment = { LOG_LEVEL: 'error', WG_SUDO: 'true' };
    daemons.push(host.start(program, ['--foreground', device], environment));
    for (let attempt = 0; ; attempt += 1) {
      const isThere = await host.run('wg', 'show', device).then(
        () => true,
        () => false,
      );
      if (isThere) break;
      if (attempt === 50) throw new Error(`${program} did not start`);
      await pause(100);
    }
    const secret = host.file('wg.key', keys[side].secret);
    await host.run('wg', 'set', device, 'listen-port', '51820', 'private-key', secret);
    const endpoint = `${addresses[other].v4}:51820`;
    const peer = ['peer', keys[other].open, 'allowed-ips', `${addresses[other].inner4}/32`];
    await host.run('wg', 'set', device, ...peer, 'endpoint', endpoint);
    await host.run('ip', 'link', 'set', device, 'mtu', '1400', 'up');
    const route = [`${addresses[other].inner4}/32`, 'dev', device, 'src', addresses[side].inner4];
    await host.run('ip', 'route', 'add', ...route);
  }
  return { pids: daemons.map(pidOf), facts: async () => ({}) };
}

/** `ip netns exec` becomes the program itself. */
function pidOf({ child }: Background): number {
  if (child.pid === undefined) throw new Error('a program did not start');
  return child.pid;
}

function pidsOf(lab: Lab, program: string): number[] {
  return [lab.left, lab.right].flatMap(({ name }) =>
    execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
      .split('\n')
      .filter((pid) => pid !== '')
      .map(Number)
      .filter((pid) => commandOf(pid).includes(program)),
  );
}

function commandOf(pid: number): string {
  try {
    return execFileSync('cat', [`/proc/${pid}/cmdline`], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
