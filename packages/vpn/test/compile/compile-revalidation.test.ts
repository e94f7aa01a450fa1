import { describe, expect, it } from 'vitest';
import { compileRevalidation } from '../../src/compile/compile-revalidation.ts';
import { OptionChecks } from '../../src/compile/option-checks.ts';
import type { AuthenticationOptions } from '../../src/options.ts';

function compile(options: AuthenticationOptions, revocation: 'strict' | 'relaxed' = 'relaxed') {
  const checks = new OptionChecks(new Map());
  const value = compileRevalidation(checks, 'connections.home.remote', options, revocation);
  return { value, faults: checks.problems.map(({ sentence }) => sentence) };
}

describe('what becomes of sessions whose certificate does not stand any more', () => {
  it('they end; not for a responder that cannot be asked, unless that counts', () => {
    const close = { kind: 'close' };
    const policy = { revoked: close, expired: close, untrusted: close };
    expect(compile({}).value).toEqual({ policy: { ...policy, unknown: { kind: 'alert' } } });
    expect(compile({}, 'strict').value).toEqual({ policy: { ...policy, unknown: close } });
  });

  it('that is told, or they end after a while; a timer beside that', () => {
    expect(compile({ revalidation: 'alert' }, 'strict').value.policy.revoked).toEqual({
      kind: 'alert',
    });
    const grace = compile({ revalidation: 'grace', revalidationTimeMs: 60_000 });
    expect(grace.value.policy.expired).toEqual({ kind: 'grace', graceMs: 600_000 });
    expect(grace.value.intervalMs).toBe(60_000);
    expect(compile({ revalidationTimeMs: 0 }).value.intervalMs).toBeUndefined();
  });

  it.each([
    [{ revalidationGraceMs: 5_000 }, /it is for revalidation = grace/],
    [{ revalidation: 'grace', revalidationGraceMs: 10 }, /expected 1 s to/],
    [{ revalidationTimeMs: 10 }, /expected 1 s to/],
  ] as const)('refuses %o in words', (options, words) => {
    expect(compile(options).faults.join()).toMatch(words);
  });
});
