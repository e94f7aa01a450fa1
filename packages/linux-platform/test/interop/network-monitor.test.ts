import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';

const { skip } = interopGate(['root', 'netns'], 'the network monitor in a namespace');
const namespace = `ipsec-kit-mon-${process.pid}`;
const script = fileURLToPath(new URL('watch-network.ts', import.meta.url));

interface Line {
  readonly by: string;
  readonly addresses: readonly string[];
  readonly key: string | null;
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', ['-n', namespace, ...args]);
}

/** The monitor in a process of the namespace, line by line. */
function watch(source: string): { child: ChildProcess; lines: Line[]; next: () => Promise<Line> } {
  const node = ['--import', 'tsx', '--conditions=@ipsec-kit/source', script, source];
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, ...node], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: Line[] = [];
  let read = 0;
  let waiting: (() => void) | undefined;
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) lines.push(JSON.parse(part));
    waiting?.();
  });
  const next = async (): Promise<Line> => {
    while (lines[read] === undefined) {
      await new Promise<void>((resolve) => {
        waiting = resolve;
      });
    }
    read += 1;
    return lines[read - 1] as Line;
  };
  return { child, lines, next };
}

describe.skipIf(skip).each(['netlink', 'ip'])(
  'the network monitor in a real namespace, by %s',
  (source) => {
    beforeAll(() => {
      execFileSync('ip', ['netns', 'add', namespace]);
      ip('link', 'set', 'lo', 'up');
      for (const [name, far] of [
        ['wlan0', 'far0'],
        ['wwan0', 'far1'],
      ]) {
        ip('link', 'add', String(name), 'type', 'veth', 'peer', 'name', String(far));
        ip('link', 'set', String(far), 'up');
      }
    });
    afterAll(() => execFileSync('ip', ['netns', 'del', namespace]));

    it('follows links up and down, addresses and routes, and one network over another', async () => {
      const { child, lines, next } = watch(source);
      try {
        expect(await next()).toMatchObject({ by: source, addresses: [], key: null });

        ip('link', 'set', 'wlan0', 'up');
        ip('address', 'add', '192.168.1.100/24', 'dev', 'wlan0');
        ip('route', 'add', 'default', 'via', '192.168.1.1', 'dev', 'wlan0', 'metric', '600');
        const wifi = await next();
        expect(wifi.addresses).toEqual(['192.168.1.100']);
        expect(wifi.key).toMatch(/^wlan0\/192\.168\.1\.1\/192\.168\.1\.0\/24\//);

        // The other network is there before the first one goes.
        ip('link', 'set', 'wwan0', 'up');
        ip('address', 'add', '100.64.0.9/32', 'dev', 'wwan0');
        ip('route', 'add', 'default', 'dev', 'wwan0', 'metric', '700');
        expect((await next()).addresses).toEqual(['192.168.1.100', '100.64.0.9']);

        ip('link', 'set', 'wlan0', 'down');
        expect(await next()).toMatchObject({ addresses: ['100.64.0.9'], key: 'wwan0/direct' });

        ip('address', 'add', '2001:db8::5/64', 'dev', 'wwan0', 'nodad');
        expect((await next()).addresses).toEqual(['100.64.0.9', '2001:db8::5']);

        ip('address', 'del', '100.64.0.9/32', 'dev', 'wwan0');
        expect((await next()).addresses).toEqual(['2001:db8::5']);
        expect(lines.slice(1).every(({ addresses }) => addresses.length > 0)).toBe(true);
      } finally {
        child.stdin?.end();
        const code = await new Promise((resolve) => child.once('exit', resolve));
        expect(code).toBe(0);
      }
    });
  },
);
