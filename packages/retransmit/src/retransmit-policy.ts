/** When a request is sent again, and how often, before the peer counts as gone.
 * Retransmission `n` (0 is the wait after the first transmission) follows after `timeoutMs * base^n`, at most `limitMs`,
 * less a random share of up to `jitter`. After `tries` retransmissions and one more wait the request is given up.
 * @see RFC 7296 §2.4
 */
export interface RetransmitPolicy {
  /** Wait after the first transmission, in milliseconds; above 0. */
  readonly timeoutMs: number;
  /** Factor from one wait to the next; at least 1. */
  readonly base: number;
  /** Retransmissions after the first transmission; 0 sends once. */
  readonly tries: number;
  /** Longest wait in milliseconds; 0 is no limit of its own. */
  readonly limitMs: number;
  /** Share of each wait that may be subtracted at random: 0 (none) to 1 (all of it). */
  readonly jitter: number;
}

/** The waits that strongSwan has as well: 4, 7.2, 13, 23.3, 42 and 75.6 s, so 165 s until the peer counts as gone. */
export const DEFAULT_RETRANSMIT_POLICY: RetransmitPolicy = {
  timeoutMs: 4_000,
  base: 1.8,
  tries: 5,
  limitMs: 0,
  jitter: 0,
};

/** No wait is longer than this, whatever the policy says: one day. Behind it the exponential would leave every clock's range. */
export const MAX_RETRANSMIT_DELAY_MS = 86_400_000;

/** No wait is shorter than this, whatever jitter subtracts: tries are never fired back to back. */
export const MIN_RETRANSMIT_DELAY_MS = 1;

/** Most retransmissions that a policy may ask for. */
export const MAX_RETRANSMIT_TRIES = 1_000_000;

/** How long to wait after transmission number `attempt` before the next one, in whole or fractional milliseconds.
 * @param attempt - 0 for the wait after the first transmission; any count is safe, the result never overflows or wraps.
 * @param jitterFraction - a random number from 0 to 1: which part of the policy's jitter to subtract.
 * @returns between {@link MIN_RETRANSMIT_DELAY_MS} and {@link MAX_RETRANSMIT_DELAY_MS}.
 * @see RFC 7296 §2.4: "retransmission times MUST increase exponentially". A `base` of 1 or a `limitMs` departs from
 * that on purpose, where the operator says so; the default does not.
 */
export function retransmitDelayMs(
  policy: RetransmitPolicy,
  attempt: number,
  jitterFraction: number,
): number {
  const limitMs =
    policy.limitMs > 0
      ? Math.min(policy.limitMs, MAX_RETRANSMIT_DELAY_MS)
      : MAX_RETRANSMIT_DELAY_MS;
  // A double reaches Infinity instead of wrapping, and the limit brings it back.
  const delayMs = Math.min(policy.timeoutMs * policy.base ** attempt, limitMs);
  return Math.max(delayMs - delayMs * policy.jitter * jitterFraction, MIN_RETRANSMIT_DELAY_MS);
}

/** How long a request is kept up before it is given up, in milliseconds, without jitter: the sum of all waits. */
export function retransmitSpanMs(policy: RetransmitPolicy): number {
  let totalMs = 0;
  for (let attempt = 0; attempt <= policy.tries; attempt++) {
    const delayMs = retransmitDelayMs(policy, attempt, 0);
    // Once a wait does not grow any more, none after it does.
    if (attempt > 0 && delayMs === retransmitDelayMs(policy, attempt - 1, 0)) {
      return totalMs + delayMs * (policy.tries - attempt + 1);
    }
    totalMs += delayMs;
  }
  return totalMs;
}

/** Checks a policy before it is used.
 * @throws RangeError that names the field, what it may be and what it is.
 */
export function requireRetransmitPolicy(policy: RetransmitPolicy): RetransmitPolicy {
  const { timeoutMs, base, tries, limitMs, jitter } = policy;
  expectField(
    'timeoutMs',
    timeoutMs,
    'a number above 0',
    Number.isFinite(timeoutMs) && timeoutMs > 0,
  );
  expectField('base', base, 'a number of at least 1', Number.isFinite(base) && base >= 1);
  expectField(
    'tries',
    tries,
    `a whole number from 0 to ${MAX_RETRANSMIT_TRIES}`,
    Number.isInteger(tries) && tries >= 0 && tries <= MAX_RETRANSMIT_TRIES,
  );
  expectField(
    'limitMs',
    limitMs,
    '0 or a number above it',
    Number.isFinite(limitMs) && limitMs >= 0,
  );
  expectField('jitter', jitter, 'a number from 0 to 1', jitter >= 0 && jitter <= 1);
  return policy;
}

function expectField(field: string, value: number, expected: string, holds: boolean): void {
  if (!holds)
    throw new RangeError(`retransmit policy: "${field}" expected ${expected}, got ${value}`);
}
