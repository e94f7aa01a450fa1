import type { RevalidationAction } from '@ipsec-kit/x509';
import type { ChainTrust, SessionRevalidation } from '../credentials/compiled-credentials.ts';
import type { AuthenticationOptions } from '../options.ts';
import type { OptionChecks } from './option-checks.ts';

const DAY_MS = 86_400_000;
const DEFAULT_GRACE_MS = 600_000;
const SHORTEST_MS = 1_000;

/** How much is to be known about the certificate of a peer, now and later. */
export type CertificateWatch = Pick<ChainTrust, 'revocation' | 'revalidation'>;

/** Compiles whether and when it matters that a peer's certificate is not revoked. */
export function compileWatch(
  checks: OptionChecks,
  path: string,
  options: AuthenticationOptions,
): CertificateWatch {
  const revocation = checks.choice(
    `${path}.revocation`,
    options.revocation,
    ['strict', 'ifuri', 'relaxed'],
    'relaxed',
  );
  return { revocation, revalidation: compileRevalidation(checks, path, options, revocation) };
}

/** Compiles what is done about sessions that stand when the certificates of their peers are looked at again. */
export function compileRevalidation(
  checks: OptionChecks,
  path: string,
  options: AuthenticationOptions,
  revocation: ChainTrust['revocation'],
): SessionRevalidation {
  const word = checks.choice(
    `${path}.revalidation`,
    options.revalidation,
    ['close', 'alert', 'grace'],
    'close',
  );
  const range = { min: SHORTEST_MS, max: 365 * DAY_MS };
  const graceMs = checks.durationMs(`${path}.revalidationGraceMs`, options.revalidationGraceMs, {
    ...range,
    fallback: DEFAULT_GRACE_MS,
  });
  // The default says nothing, wherever it is written.
  if (graceMs !== DEFAULT_GRACE_MS && word !== 'grace') {
    const sentence = 'it is for revalidation = grace: write that, too, or leave this out';
    checks.problem('invalid-value', `${path}.revalidationGraceMs`, sentence);
  }
  const wanted = options.revalidationTimeMs === 0 ? undefined : options.revalidationTimeMs;
  const intervalMs = checks.durationMs(`${path}.revalidationTimeMs`, wanted, {
    ...range,
    fallback: 0,
  });
  const action: RevalidationAction = word === 'grace' ? { kind: word, graceMs } : { kind: word };
  const unknown: RevalidationAction = revocation === 'relaxed' ? { kind: 'alert' } : action;
  return {
    policy: { revoked: action, expired: action, untrusted: action, unknown },
    ...(intervalMs === 0 ? {} : { intervalMs }),
  };
}
