import {
  type Identity,
  type IdentityPattern,
  parseIdentity,
  parseIdentityPattern,
} from '@ipsec-kit/auth';
import type { OptionChecks } from './option-checks.ts';

/** Compiles an identity of this side: exact, without wildcards.
 * @returns `undefined` for `%any`, which stands for the own address, and after a mistake.
 */
export function compileIdentity(
  checks: OptionChecks,
  path: string,
  text: string,
): Identity | undefined {
  const parsed = parseIdentity(text);
  if (parsed.ok) return parsed.identity;
  if (parsed.code !== 'any') checks.problem('invalid-value', path, parsed.sentence);
  return undefined;
}

/** Compiles what an identity must match. After a mistake, which is noted, it is a pattern that nobody gets to use. */
export function compileIdentityPattern(
  checks: OptionChecks,
  path: string,
  text: string,
): IdentityPattern {
  const parsed = parseIdentityPattern(text);
  if (parsed.ok) return parsed.pattern;
  checks.problem('invalid-value', path, parsed.sentence);
  return { kind: 'any' };
}
