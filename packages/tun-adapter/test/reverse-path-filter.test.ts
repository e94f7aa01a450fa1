import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { strictInterface } from '../src/reverse-path-filter.ts';

const made: string[] = [];

/** A directory as the kernel shows it: a filter for each interface. */
function filters(values: Readonly<Record<string, number>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'ipsec-kit-filter-'));
  made.push(directory);
  for (const [name, value] of Object.entries(values)) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'rp_filter'), `${value}\n`);
  }
  return directory;
}

afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
});

describe('the strict source filter of an interface', () => {
  it.each([
    ['is its own', { all: 0, eth0: 1 }, 'eth0'],
    ['is that of all', { all: 1, default: 1, lo: 0, eth0: 0, eth1: 0 }, 'eth0'],
    ['is not strict where all of them are loose', { all: 2, eth0: 1 }, undefined],
    ['is not strict where its own is loose', { all: 1, eth0: 2 }, undefined],
    ['does not count for loopback and the tunnel', { all: 1, lo: 1, ipsec0: 1 }, undefined],
    ['is off', { all: 0, eth0: 0 }, undefined],
  ])('%s', (_, values, expected) => {
    expect(strictInterface('ipsec0', filters(values))).toBe(expected);
  });

  it('is none where the kernel has none', () => {
    expect(strictInterface('ipsec0', '/nowhere')).toBeUndefined();
  });
});
