import { type Identity, parseIdentity, parseIdentityPattern } from '@ipsec-kit/auth';
import type { IdentityPattern } from '@ipsec-kit/ikev2';
import type { OptionChecks } from './option-checks.ts';

/** Compiles an identity of this side: exact, without wildcards. */
export function compileIdentity(
  checks: OptionChecks,
  path: string,
  text: string,
): Identity | undefined {
  const parsed = parseIdentity(text);
  if (parsed.ok) return parsed.value;
  checks.problem('invalid-value', path, parsed.sentence);
  return undefined;
}

/** Compiles what a peer's identity must match; a mistake is noted and matches nobody that matters, since nothing starts. */
export function compileIdentityPattern(
  checks: OptionChecks,
  path: string,
  text: string,
): IdentityPattern {
  const parsed = parseIdentityPattern(text);
  if (parsed.ok) return parsed.value;
  checks.problem('invalid-value', path, parsed.sentence);
  return { kind: 'any' };
}
