import { readFileSync } from 'node:fs';
import { VpnError } from '@ipsec-kit/vpn';
import { describe, expect, it } from 'vitest';
import { ExitCode, exitCodeFor } from '../src/exit-codes.ts';

describe('exit codes', () => {
  it('are all documented in the README', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const documented = [...readme.matchAll(/^\| (\d+) +\|/gm)].map((match) => Number(match[1]));
    expect(documented.toSorted((a, b) => a - b)).toEqual(
      Object.values(ExitCode).toSorted((a, b) => a - b),
    );
  });

  it('tell the failures of a connection from those of this host', () => {
    expect(exitCodeFor(new VpnError('peer-unreachable', ''))).toBe(3);
    expect(exitCodeFor(new VpnError('no-proposal-chosen', ''))).toBe(3);
    expect(exitCodeFor(new VpnError('authentication-failed', ''))).toBe(4);
    expect(exitCodeFor(new VpnError('permission', ''))).toBe(5);
    expect(exitCodeFor(new VpnError('port-in-use', ''))).toBe(6);
    expect(exitCodeFor(new VpnError('peer-deleted', ''))).toBe(7);
    expect(exitCodeFor(new VpnError('config', ''))).toBe(2);
    expect(exitCodeFor(new TypeError('a defect'))).toBe(1);
  });
});
