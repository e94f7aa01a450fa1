import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clearLeftovers } from '../src/index.ts';
import { networkPlace, ownIdentity, processIdentity } from '../src/process-identity.ts';
import { addNameservers } from '../src/resolv-conf.ts';
import { createStateFile, type TunState } from '../src/state-file.ts';
import { address } from './settings-fixture.ts';

// A process id beyond what Linux gives (PID_MAX_LIMIT is 2^22).
const dead = { pid: 2 ** 22 + 1, startTicks: 5 };
const rule = {
  version: 4,
  priority: 10007,
  to: '192.0.2.1/32',
  action: { lookup: 'main' },
} as const;

describe.runIf(process.platform === 'linux')('clearLeftovers', () => {
  let directory: string;
  let options: { stateDirectory: string; resolvConfPath: string };
  let commands: string[];
  const run = async (program: string, args: readonly string[]): Promise<string> => {
    commands.push([program, ...args].join(' '));
    return '';
  };
  const record = (changes: Partial<TunState> = {}): void => {
    mkdirSync(options.stateDirectory, { recursive: true });
    const state = { device: 'ipsec0', owner: dead, ...networkPlace(), rules: [rule], ...changes };
    writeFileSync(join(options.stateDirectory, '1-ipsec0.tun.json'), JSON.stringify(state));
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ipsec-kit-'));
    options = {
      stateDirectory: join(directory, 'state'),
      resolvConfPath: join(directory, 'resolv.conf'),
    };
    commands = [];
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('finds nothing where nothing was recorded', async () => {
    expect(await clearLeftovers(options, run)).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('removes the rules of a process that is gone, and its record', async () => {
    record();
    expect(await clearLeftovers(options, run)).toHaveLength(1);
    expect(commands).toEqual(['ip -4 rule del priority 10007 to 192.0.2.1/32 lookup main']);
    expect(readdirSync(options.stateDirectory)).toEqual([]);
  });

  it('leaves a running process alone', async () => {
    const state = createStateFile(options.stateDirectory, 'ipsec0');
    state.write([rule], undefined);
    const text = addNameservers('', { device: 'ipsec0', ...ownIdentity() }, [address('10.0.0.1')]);
    writeFileSync(options.resolvConfPath, text);
    expect(await clearLeftovers(options, run)).toEqual([]);
    expect(commands).toEqual([]);
    expect(readFileSync(options.resolvConfPath, 'utf8')).toBe(text);
    state.remove();
    expect(readdirSync(options.stateDirectory)).toEqual([]);
  });

  it('is not deceived by a process id that was given anew', async () => {
    record({ owner: { pid: process.pid, startTicks: 0 } });
    expect(await clearLeftovers(options, run)).toHaveLength(1);
  });

  it('leaves the record of another network namespace for those who start there', async () => {
    record({ namespace: 'net:[1]' });
    expect(await clearLeftovers(options, run)).toEqual([]);
    expect(readdirSync(options.stateDirectory)).toHaveLength(1);
  });

  it('forgets records of an earlier boot without acting on them', async () => {
    record({ bootId: 'another' });
    expect(await clearLeftovers(options, run)).toEqual([]);
    expect(commands).toEqual([]);
    expect(readdirSync(options.stateDirectory)).toEqual([]);
  });

  it('gives a resolv.conf back that a killed process changed', async () => {
    const before = 'search example.org\nnameserver 9.9.9.9\n';
    const text = addNameservers(before, { device: 'ipsec0', ...dead }, [address('10.0.0.1')]);
    writeFileSync(options.resolvConfPath, text);
    expect(await clearLeftovers(options, run)).toHaveLength(1);
    expect(readFileSync(options.resolvConfPath, 'utf8')).toBe(before);
  });

  it('takes back what resolvconf was told', async () => {
    record({ rules: [], resolvconfName: 'ipsec0.ipsec-kit' });
    await clearLeftovers(options, run);
    expect(commands).toEqual(['resolvconf -d ipsec0.ipsec-kit']);
  });

  it('acts on nothing that is not a record of a rule of ours', async () => {
    record({ resolvconfName: '-d; reboot', device: 'ipsec0' });
    const path = join(options.stateDirectory, '1-ipsec0.tun.json');
    const odd = JSON.parse(readFileSync(path, 'utf8'));
    odd.rules = [
      null,
      'flush',
      { ...rule, priority: 32766 },
      { ...rule, priority: 0 },
      { ...rule, to: '-force' },
      { ...rule, action: { lookup: 'local' } },
      { ...rule, version: 5 },
    ];
    writeFileSync(path, JSON.stringify(odd));
    writeFileSync(join(options.stateDirectory, 'half.tun.json'), '{"device":');
    expect(await clearLeftovers(options, run)).toEqual([]);
    expect(commands).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('processIdentity', () => {
  it('tells a running process from one that is gone', () => {
    expect(processIdentity(process.pid)).toEqual(ownIdentity());
    expect(ownIdentity().startTicks).toBeGreaterThan(0);
    expect(processIdentity(dead.pid)).toBeUndefined();
  });
});
