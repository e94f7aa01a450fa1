import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Step } from './tun-child.ts';

/** A child in the namespace that makes TUN devices. */
export interface TunChild {
  readonly pid: number;
  /** Performs one step and returns what it answered. */
  step(step: Step): Promise<Record<string, unknown>>;
  /** Ends it with a signal, or waits for its own end. @returns its exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** A host in a network namespace of its own, with a way to the world through an Ethernet pair. */
export interface TestHost {
  readonly stateDirectory: string;
  /** Runs a program there. @returns its output, and what it said when it failed. */
  run(...command: readonly string[]): string;
  /** Everything that a tunnel may change, as text. */
  snapshot(): string;
  /** The resolv.conf that programs there see. */
  resolvConf(): string;
  start(): TunChild;
  remove(): void;
}

let hosts = 0;

/** Makes a host 192.0.2.2 whose default gateway is 192.0.2.1, in IPv4 only: it has no IPv6 connectivity. */
export function createTestHost(): TestHost {
  hosts += 1;
  const name = `ikt-${process.pid}-${hosts}`;
  const world = `${name}w`;
  const etc = `/etc/netns/${name}`;
  const stateDirectory = mkdtempSync(join(tmpdir(), 'ipsec-kit-state-'));
  const children: ChildProcess[] = [];
  const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
  const run = (...command: readonly string[]): string => {
    try {
      return execFileSync('ip', ['netns', 'exec', name, ...command], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };

  mkdirSync(etc, { recursive: true });
  writeFileSync(join(etc, 'resolv.conf'), 'search example.org\nnameserver 192.0.2.1\n');
  ip('netns', 'add', name);
  ip('netns', 'add', world);
  ip('link', 'add', 'eth0', 'netns', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', world);
  ip('-n', name, 'link', 'set', 'lo', 'up');
  ip('-n', name, 'address', 'add', '192.0.2.2/24', 'dev', 'eth0');
  ip('-n', world, 'address', 'add', '192.0.2.1/24', 'dev', 'eth0');
  ip('-n', world, 'address', 'add', '203.0.113.1/32', 'dev', 'eth0');
  ip('-n', name, 'link', 'set', 'eth0', 'up');
  ip('-n', world, 'link', 'set', 'eth0', 'up');
  ip('-n', name, 'route', 'add', 'default', 'via', '192.0.2.1');

  return {
    stateDirectory,
    run,
    resolvConf: () => run('cat', '/etc/resolv.conf'),
    snapshot: () =>
      [
        ['ip', 'rule'],
        ['ip', '-6', 'rule'],
        ['ip', '-4', 'route', 'show', 'table', 'all'],
        ['ip', '-o', '-4', 'address'],
        ['ip', '-br', 'link'],
        ['cat', '/etc/resolv.conf'],
      ]
        .map((command) => run(...command))
        .join('\n'),
    start(): TunChild {
      const child = spawn(
        'ip',
        [
          ...['netns', 'exec', name, process.execPath, '--import', 'tsx'],
          ...['--conditions=@ipsec-kit/source', join(import.meta.dirname, 'tun-child.ts')],
        ],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      children.push(child);
      return tunChild(child);
    },
    remove(): void {
      for (const child of children) child.kill('SIGKILL');
      ip('netns', 'del', name);
      ip('netns', 'del', world);
      rmSync(etc, { recursive: true });
      rmSync(stateDirectory, { recursive: true });
    },
  };
}

function tunChild(child: ChildProcess): TunChild {
  const { stdin, stdout } = child;
  if (!stdin || !stdout || child.pid === undefined) throw new Error('the child was not started');
  const lines: AsyncIterator<string> = readLines(createInterface({ input: stdout }));
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  return {
    pid: child.pid,
    async step(step: Step): Promise<Record<string, unknown>> {
      stdin.write(`${JSON.stringify(step)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`the child ended instead of doing ${step.do}`);
      return JSON.parse(value);
    },
    end(signal?: NodeJS.Signals): Promise<number | null> {
      if (signal) child.kill(signal);
      else stdin.write(`${JSON.stringify({ do: 'exit' } satisfies Step)}\n`);
      return ended;
    },
  };
}

function readLines(from: Interface): AsyncIterator<string> {
  return from[Symbol.asyncIterator]();
}
