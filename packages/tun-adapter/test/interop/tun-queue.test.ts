import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadPosix, loadSystemCalls, POLLIN, type Posix } from '@ipsec-kit/posix';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { createTunDevice, openTunQueues, type TunQueue, tunQueueFromFd } from '../../src/index.ts';
import { settings } from '../settings-fixture.ts';

const { skip } = interopGate(['root', 'tun', 'netns'], 'TUN devices with offloads');
const run = promisify(execFile);
const MEGABYTES = 40;

const SERVER = `
  const { createServer } = require('node:net');
  const { createHash } = require('node:crypto');
  createServer((socket) => {
    const hash = createHash('sha256');
    let bytes = 0;
    socket.on('data', (data) => { hash.update(data); bytes += data.length; });
    socket.on('end', () => { console.log(bytes, hash.digest('hex')); process.exit(0); });
  }).listen(5001, '::');`;
const CLIENT = `
  const { connect } = require('node:net');
  const { createHash, randomBytes } = require('node:crypto');
  const hash = createHash('sha256');
  const socket = connect(5001, process.argv[1], async () => {
    let bytes = 0;
    for (let i = 0; i < ${MEGABYTES * 16}; i += 1) {
      const data = randomBytes(65536 - (i % 1000));
      hash.update(data);
      bytes += data.length;
      if (!socket.write(data)) await new Promise((resolve) => socket.once('drain', resolve));
    }
    socket.end(() => { console.log(bytes, hash.digest('hex')); });
  });`;

/** Waits until somebody listens in a namespace. */
async function listening(namespace: string): Promise<void> {
  for (;;) {
    const { stdout } = await run('ip', ['netns', 'exec', namespace, 'ss', '-tln']);
    if (stdout.includes(':5001')) return;
  }
}

describe.skipIf(skip)('queues of real devices, joined to one another', () => {
  const names = [`ikq-${process.pid}-a`, `ikq-${process.pid}-b`];
  let posix: Posix;
  let queues: TunQueue[] = [];
  let joining: Promise<void>;
  let wake: number;
  let isOver = false;

  function ip(...args: string[]): void {
    execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Carries packets from each queue to the other. */
  async function join(): Promise<void> {
    const [a, b] = queues;
    if (!a || !b) throw new Error('there are two queues');
    const requests = [a.fd, b.fd, wake].map((fd) => ({ fd, events: POLLIN }));
    while (!isOver) {
      await posix.poll(requests, -1);
      for (let turn = 0; turn < 16; turn += 1) {
        const more = [a.read(), b.read()];
        if (a.packets.count > 0) b.write(a.packets);
        if (b.packets.count > 0) a.write(b.packets);
        if (!more.includes(true)) break;
      }
    }
  }

  beforeEach(() => {
    const loaded = loadPosix();
    const system = loadSystemCalls();
    if (!loaded.ok || !system.ok) throw new Error('there are no system calls');
    posix = loaded.posix;
    wake = posix.eventfd();
    isOver = false;
    names.forEach((name, i) => {
      ip('netns', 'add', name);
      const [queue] = openTunQueues(posix, system.calls, {
        name: `ikq${process.pid % 10000}-${i}`,
      });
      if (!queue) throw new Error('a device has a queue');
      queues.push(queue);
      // Its descriptor stays here.
      ip('link', 'set', queue.name, 'netns', name);
      ip('-n', name, 'address', 'add', `10.97.0.${i + 1}/24`, 'dev', queue.name);
      ip('-n', name, 'address', 'add', `fd97::${i + 1}/64`, 'dev', queue.name, 'nodad');
      ip('-n', name, 'link', 'set', queue.name, 'mtu', '1400', 'up');
    });
    joining = join();
  });
  afterEach(async () => {
    isOver = true;
    posix.signalEventfd(wake);
    await joining;
    for (const queue of queues) queue.close();
    queues = [];
    posix.close(wake);
    for (const name of names) ip('netns', 'del', name);
  });

  it.each(['10.97.0.2', 'fd97::2'])('carry TCP to %s without a wrong byte', async (address) => {
    const [from = '', to = ''] = names;
    const server = run('ip', ['netns', 'exec', to, process.execPath, '-e', SERVER]);
    await listening(to);
    const client = run('ip', ['netns', 'exec', from, process.execPath, '-e', CLIENT, address]);
    const [came, went] = await Promise.all([server, client]);
    expect(came.stdout).toBe(went.stdout);
    for (const queue of queues) {
      expect(queue.offloads).toMatchObject({ checksum: true, tcp: true });
      expect(queue.counters).toMatchObject({ readDrops: 0, writeDrops: 0 });
      expect(queue.lastErrno).toBe(0);
    }
    expect(queues[0]?.counters.read).toBeGreaterThan((MEGABYTES * 900_000) / 1400);
  });

  it('carry pings of all sizes, also fragmented ones', async () => {
    const [from = ''] = names;
    for (const [address, size] of [
      ['10.97.0.2', 1372],
      ['10.97.0.2', 3001],
      ['fd97::2', 56],
      ['fd97::2', 5000],
    ]) {
      const { stdout } = await run('ip', [
        'netns',
        'exec',
        from,
        'ping',
        '-n',
        '-c',
        '3',
        '-i',
        '0.02',
        '-s',
        `${size}`,
        `${address}`,
      ]);
      expect(stdout).toContain('3 received');
    }
  });
});

describe.skipIf(skip)('openTunQueues', () => {
  function opened(queues: number, name = `ikm${process.pid % 10000}-%d`): readonly TunQueue[] {
    const loaded = loadPosix();
    const system = loadSystemCalls();
    if (!loaded.ok || !system.ok) throw new Error('there are no system calls');
    return openTunQueues(loaded.posix, system.calls, { name, queues });
  }

  it('opens several queues of one device, which goes with the last', () => {
    const queues = opened(3);
    const [first] = queues;
    if (!first) throw new Error('there are queues');
    expect(new Set(queues.map((queue) => queue.name))).toEqual(new Set([first.name]));
    expect(new Set(queues.map((queue) => queue.fd)).size).toBe(3);
    expect(execFileSync('ip', ['-d', 'link', 'show', first.name], { encoding: 'utf8' })).toContain(
      'multi_queue',
    );
    for (const queue of queues) queue.close();
    expect(() => execFileSync('ip', ['link', 'show', first.name], { stdio: 'ignore' })).toThrow();
  });

  it('says what is wrong with a name', () => {
    expect(() => opened(1, 'lo')).toThrow('no TUN device');
    expect(() => opened(0)).toThrow('"queues" expected');
  });
});

describe.skipIf(skip)('createTunDevice', () => {
  it('configures a device whose queues others carry, and takes it away when it is closed', async () => {
    const system = loadSystemCalls();
    if (!system.ok) throw new Error(system.reason);
    const stateDirectory = mkdtempSync(join(tmpdir(), 'ipsec-kit-state-'));
    const name = `ikd${process.pid % 10000}`;
    const device = await createTunDevice({ name, queues: 2, stateDirectory });
    expect(device.name).toBe(name);
    const queues = device.fds.map((fd) =>
      tunQueueFromFd(system.calls, fd, true, { name, keepsOpen: true }),
    );
    await device.configure(settings({ mtu: 1280 }));
    expect(execFileSync('ip', ['link', 'show', name], { encoding: 'utf8' })).toContain('mtu 1280');
    for (const queue of queues) queue.close();
    expect(execFileSync('ip', ['link', 'show', name], { encoding: 'utf8' })).toContain(name);
    await device.close();
    await device.close();
    expect(() => execFileSync('ip', ['link', 'show', name], { stdio: 'ignore' })).toThrow();
    await expect(device.configure(settings({}))).rejects.toThrow('is closed');
    rmSync(stateDirectory, { recursive: true });
  });
});
