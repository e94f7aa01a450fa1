import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Background, run, tryRun } from './shell.ts';

let serial = 0;

/** A host of its own: a network namespace with a private /etc/resolv.conf. */
export class Host {
  readonly name: string;
  readonly dir: string;
  /** Whether strongSwan has its end of the tunnel here: what is dropped at its sockets is none of ours. */
  hasStrongSwan = false;
  readonly #running: Background[] = [];

  constructor(name: string, dir: string) {
    this.name = name;
    this.dir = dir;
  }

  /** Runs a program on this host to its end. */
  run(program: string, ...args: string[]): Promise<string> {
    return run('ip', ['netns', 'exec', this.name, program, ...args]);
  }

  /** Starts a program on this host; it ends with the lab at the latest. */
  start(
    program: string,
    args: readonly string[],
    environment: Record<string, string> = {},
  ): Background {
    const background = new Background(
      'ip',
      ['netns', 'exec', this.name, program, ...args],
      environment,
    );
    this.#running.push(background);
    return background;
  }

  /** Writes a file of this host and returns its path. */
  file(name: string, content: string): string {
    const path = join(this.dir, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  /** Throws unless `ping` gets at least one answer within `waitSeconds` of its last question: a busy machine may take that long. */
  async ping(
    target: string,
    options: { count?: number; source?: string; size?: number; waitSeconds?: number } = {},
  ): Promise<void> {
    const source = options.source ? ['-I', options.source] : [];
    const size = options.size === undefined ? [] : ['-s', String(options.size)];
    await this.run(
      'ping',
      '-n',
      '-i',
      '0.2',
      '-c',
      String(options.count ?? 3),
      '-W',
      String(options.waitSeconds ?? 6),
      ...source,
      ...size,
      target,
    );
  }

  outputs(): string[] {
    return this.#running.map(
      ({ child, output }) => `${this.name}: ${child.spawnargs.slice(4).join(' ')}\n${output}`,
    );
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#running.map((background) => background.stop()));
  }
}

/** Two hosts, `left` (10.99.0.1, fd99::1) and `right` (10.99.0.2, fd99::2), joined by one link;
 * behind each its own network: 10.66.0.1 and fd66::1 at the left, 10.77.0.1 and fd77::1 at the right.
 */
export interface Lab {
  readonly left: Host;
  readonly right: Host;
  /** The NAT between them; connected to nothing where there is none. */
  readonly router: Host;
  /** What every program on both hosts printed, for the message of a failed test. */
  outputs(): string;
  close(): Promise<void>;
}

export const addresses = {
  left: { v4: '10.99.0.1', v6: 'fd99::1', inner4: '10.66.0.1', inner6: 'fd66::1' },
  right: { v4: '10.99.0.2', v6: 'fd99::2', inner4: '10.77.0.1', inner6: 'fd77::1' },
} as const;

export async function createLab(): Promise<Lab> {
  return build(async (left, right) => {
    await link(left, right);
    await address(left, addresses.left);
    await address(right, addresses.right);
  });
}

/** The same two hosts, but the left one is 10.98.0.2 and fd98::2 behind a router that is its default route
 * and translates its addresses to 10.99.0.1 and fd99::1.
 */
export async function createNatLab(): Promise<Lab> {
  return build(async (left, right, router) => {
    await link(router, right, 'outside');
    await link(router, left, 'inside');
    await address(left, { ...addresses.left, v4: '10.98.0.2', v6: 'fd98::2' });
    await address(right, addresses.right);
    const ip = (...args: string[]): Promise<string> => run('ip', ['-n', router.name, ...args]);
    for (const [device, v4, v6] of [
      ['inside', '10.98.0.1/24', 'fd98::1/64'],
      ['outside', '10.99.0.1/24', 'fd99::1/64'],
    ] as const) {
      await ip('addr', 'add', v4, 'dev', device);
      await ip('addr', 'add', v6, 'dev', device, 'nodad');
      await ip('link', 'set', device, 'up');
    }
    await run('ip', ['-n', left.name, 'route', 'add', 'default', 'via', '10.98.0.1']);
    await run('ip', ['-n', left.name, '-6', 'route', 'add', 'default', 'via', 'fd98::1']);
    await router.run(
      'sysctl',
      '-q',
      '-w',
      'net.ipv4.ip_forward=1',
      'net.ipv6.conf.all.forwarding=1',
    );
    await router.run('nft', 'add table inet nat');
    await router.run('nft', 'add chain inet nat post { type nat hook postrouting priority 100 ; }');
    await router.run('nft', 'add rule inet nat post oifname "outside" masquerade');
  });
}

/** Makes three bare hosts, and has `wire` join them. */
export async function build(
  wire: (left: Host, right: Host, router: Host) => Promise<void>,
): Promise<Lab> {
  serial += 1;
  const tag = `ik${process.pid}x${serial}`;
  const dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-lab-'));
  const left = await createHost(`${tag}l`, join(dir, 'left'));
  const right = await createHost(`${tag}r`, join(dir, 'right'));
  const router = await createHost(`${tag}n`, join(dir, 'router'));
  await wire(left, right, router);
  return {
    left,
    right,
    router,
    outputs: () => [left, right].flatMap((host) => host.outputs()).join('\n'),
    async close(): Promise<void> {
      await Promise.all([left.stopAll(), right.stopAll(), router.stopAll()]);
      for (const host of [left, right, router]) {
        // What a program has left behind would keep the namespace.
        const pids = await run('ip', ['netns', 'pids', host.name]).catch(() => '');
        for (const pid of pids.split('\n')) if (pid) await tryRun('kill', ['-KILL', pid]);
        await tryRun('ip', ['netns', 'del', host.name]);
        rmSync(`/etc/netns/${host.name}`, { recursive: true, force: true });
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Joins a device of `to` with one of `from`. */
export async function link(
  from: Host,
  to: Host,
  device = 'eth0',
  toDevice = 'eth0',
): Promise<void> {
  const peer = ['peer', 'name', toDevice, 'netns', to.name];
  await run('ip', ['-n', from.name, 'link', 'add', device, 'type', 'veth', ...peer]);
}

async function createHost(name: string, dir: string): Promise<Host> {
  mkdirSync(dir, { recursive: true });
  mkdirSync(`/etc/netns/${name}`, { recursive: true });
  writeFileSync(`/etc/netns/${name}/resolv.conf`, 'nameserver 192.0.2.53\n');
  await run('ip', ['netns', 'add', name]);
  await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  return new Host(name, dir);
}

/** Gives a host its addresses at `eth0` and those behind it. */
export async function address(
  host: Host,
  own: { v4: string; v6: string; inner4: string; inner6: string },
): Promise<void> {
  const ip = (...args: string[]): Promise<string> => run('ip', ['-n', host.name, ...args]);
  await ip('addr', 'add', `${own.v4}/24`, 'dev', 'eth0');
  await ip('addr', 'add', `${own.v6}/64`, 'dev', 'eth0', 'nodad');
  await ip('addr', 'add', `${own.inner4}/32`, 'dev', 'lo');
  await ip('addr', 'add', `${own.inner6}/128`, 'dev', 'lo', 'nodad');
  await ip('link', 'set', 'eth0', 'up');
}
