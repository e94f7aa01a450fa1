import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interopGate } from '../../../.ci/interop-gate.ts';

const script = fileURLToPath(new URL('../src/index.ts', import.meta.url));
const fromSource = ['--import', 'tsx', '--conditions=@ipsec-kit/source', script];

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command to its end as its users do: a process of its own. */
function ipsecKit(args: readonly string[], program?: readonly string[]): Promise<Ended> {
  const [file = process.execPath, ...before] = program ?? [];
  const nodeArgs = program ? [...before, process.execPath, ...fromSource] : fromSource;
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...nodeArgs, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipsec-kit-command-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let serial = 0;
function file(content: string): string {
  serial += 1;
  const path = join(directory, `${serial}.conf`);
  writeFileSync(path, content);
  return path;
}

const connection = (name: string, extra = ''): string => `
  ${name} {
    remote_addrs = 127.0.0.1
    local_addrs = 127.0.0.1
    ${extra}
    local {
      auth = psk
      id = client
    }
    remote {
      auth = psk
      id = server
    }
    children { net { remote_ts = 10.77.0.0/16 } }
  }`;
const configuration = (...connections: string[]): string =>
  file(`connections {${connections.join('')}
}
secrets { ike { secret = "correct horse" } }
`);
const control = (): string => join(directory, `${++serial}.sock`);

/** What every failure looks like: no stack trace, no secret, a sentence. */
function expectSentence({ stdout, stderr }: Ended): void {
  expect(stdout + stderr).not.toMatch(/\n\s+at |undefined|correct horse|\[object/);
  expect(stderr.trim()).not.toBe('');
}

describe.concurrent('the command', () => {
  it('explains wrong arguments and ends with 2', async () => {
    const ended = await ipsecKit(['connect', '--confg', 'x']);
    expect(ended.code).toBe(2);
    expectSentence(ended);
    expect(ended.stderr).toContain('--config');
  });

  it('prints help and version and ends with 0', async () => {
    expect((await ipsecKit(['--help'])).stdout).toMatch(/connect[\s\S]*serve[\s\S]*status/);
    expect(await ipsecKit(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  });

  it('names a configuration file that is not there', async () => {
    const ended = await ipsecKit(['connect', '--config', '/nowhere/home.conf']);
    expect(ended.code).toBe(2);
    expectSentence(ended);
    expect(ended.stderr).toContain('/nowhere/home.conf');
  });

  it('names file, line and column of a mistake, and what was probably meant', async () => {
    const path = configuration(connection('home', 'propsals = aes256-sha256-x25519'));
    const ended = await ipsecKit(['serve', '--config', path]);
    expect(ended.code).toBe(2);
    expectSentence(ended);
    expect(ended.stderr).toMatch(new RegExp(`${path}:5:5: .*propsals.*proposals`, 's'));
  });

  it('wants to know which of several connections is meant, and knows their names', async () => {
    const path = configuration(connection('home'), connection('work'));
    const unnamed = await ipsecKit(['connect', '--config', path]);
    expect(unnamed.code).toBe(2);
    expect(unnamed.stderr).toMatch(/home, work.*--connection/);
    const unknown = await ipsecKit(['connect', '--config', path, '--connection', 'hom']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/no connection "hom".*home, work/);
  });

  it('says that nobody answers on a control socket, and ends with 9', async () => {
    for (const subcommand of ['status', 'monitor', 'disconnect']) {
      const ended = await ipsecKit([subcommand, '--control', control()]);
      expect(ended.code).toBe(9);
      expectSentence(ended);
    }
  });

  it('refuses a control path where something else is, and ends with 9', async () => {
    const taken = file('precious');
    const path = configuration(connection('home'));
    const ended = await ipsecKit(['connect', '--config', path, '--control', taken]);
    expect(ended.code).toBe(9);
    expectSentence(ended);
  });
});

const privileged = interopGate(['root', 'tun', 'netns'], 'the command with a TUN device');
/** Runs in a network namespace of its own, where only the loopback is. */
const isolated = (prepare: string): string[] => [
  'unshare',
  '--net',
  'sh',
  '-c',
  `ip link set lo up; ${prepare} exec "$@"`,
  'sh',
];

describe.skipIf(privileged.skip).concurrent('the command with a TUN device', () => {
  it('says that it has no permission for a TUN device, and ends with 5', async () => {
    const path = configuration(connection('home'));
    const ended = await ipsecKit(
      ['connect', '--config', path, '--control', control()],
      ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'],
    );
    expectSentence(ended);
    expect(ended.stdout).toMatch(/^control: /);
    expect(ended.stderr).toMatch(/no permission.*TUN.*CAP_NET_ADMIN/i);
    expect(ended.code).toBe(5);
  });

  it('says that another program has the port, and ends with 6', async () => {
    const path = configuration(connection('office'));
    // Has the port, and only then runs the command; nothing of it outlives the command.
    const hold = `require('dgram').createSocket('udp4').bind(500, '127.0.0.1', () => {
      const [, file, ...args] = process.argv;
      process.exit(require('child_process').spawnSync(file, args, { stdio: 'inherit' }).status);
    })`;
    const ended = await ipsecKit(
      ['serve', '--config', path, '--control', control()],
      [...isolated(''), process.execPath, '-e', hold, '--'],
    );
    expectSentence(ended);
    expect(ended.stderr).toMatch(/port 500.*in use/i);
    expect(ended.code).toBe(6);
  });

  it('gives up on a peer that does not answer, and ends with 3', async () => {
    const settings = file('charon { retransmit_timeout = 0.1\n retransmit_tries = 1 }');
    const path = configuration(connection('home'));
    const ended = await ipsecKit(
      ['connect', '--config', path, '--settings', settings, '--control', control()],
      isolated(''),
    );
    expectSentence(ended);
    expect(ended.stdout).toMatch(/-> IKE_SA_INIT request 0 to 127\.0\.0\.1:500 .*again/);
    expect(ended.stderr).toContain('127.0.0.1');
    expect(ended.code).toBe(3);
  });

  it('prints one JSON event per line with --json', async () => {
    const settings = file('charon { retransmit_timeout = 0.1\n retransmit_tries = 0 }');
    const path = configuration(connection('home'));
    const ended = await ipsecKit(
      ['connect', '--json', '--config', path, '--settings', settings, '--control', control()],
      isolated(''),
    );
    const events = ended.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; time: string });
    expect(events[0]?.kind).toBe('control-opened');
    expect(events.at(-1)?.kind).toBe('session-closed');
    for (const { time } of events) expect(Date.parse(time)).toBeGreaterThan(0);
    expect(ended.stderr).toMatch(/^control: /);
    expect(ended.code).toBe(3);
  });
});
