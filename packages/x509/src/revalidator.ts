import { addMs, type Deadline, type Instant, type Machine } from '@ipsec-kit/clock';
import type { CertificateVerdict } from './certificate-validator.ts';
import {
  type CertificateStanding,
  DEFAULT_REVALIDATION_POLICY,
  type RevalidationReason,
  type RevalidatorInput,
  type RevalidatorOptions,
  type RevalidatorOutput,
} from './revalidation-contract.ts';

const DEFAULT_RETRY_MS = 60_000;
const DEFAULT_PARALLEL_CHECKS = 8;
const DEFAULT_CHECK_TIMEOUT_MS = 30_000;
/** However short the evidence lives: a session is not checked more often by itself. */
const SHORTEST_WAIT_MS = 1_000;
const TOLERANCE_MS = 1_000;

interface Watch {
  readonly session: string;
  standing: CertificateStanding;
  /** When it is looked at next, in milliseconds since 1970, and why; `Infinity` while it waits or is looked at. */
  dueMs: number;
  dueFor: RevalidationReason;
  /** End of the grace. */
  graceUntilMs?: number;
  /** A reason that came while a check was running: its evidence may have been fetched before. */
  again?: RevalidationReason;
  isBusy: boolean;
  commandAt?: Instant;
}

interface Check {
  readonly watch: Watch;
  readonly reason: RevalidationReason;
  readonly deadline: Instant;
}

/** Watches the certificates of sessions that stand, and has them looked at again without reauthentication: by command, when
 * evidence runs out, on a rekey, on a timer. Checks are asked of the caller, some at a time, and whatever is said of one session
 * touches no other.
 */
export interface Revalidator extends Machine<RevalidatorInput, RevalidatorOutput> {
  /** How many sessions are watched. */
  readonly watched: number;
}

/** Makes a revalidator. @throws RangeError for settings out of bounds. */
export function createRevalidator(options: RevalidatorOptions = {}): Revalidator {
  const {
    policy = DEFAULT_REVALIDATION_POLICY,
    intervalMs = Number.POSITIVE_INFINITY,
    retryMs = DEFAULT_RETRY_MS,
    parallelChecks = DEFAULT_PARALLEL_CHECKS,
    checkTimeoutMs = DEFAULT_CHECK_TIMEOUT_MS,
  } = options;
  requireAtLeast('intervalMs', SHORTEST_WAIT_MS, intervalMs);
  requireAtLeast('retryMs', SHORTEST_WAIT_MS, retryMs);
  requireAtLeast('parallelChecks', 1, parallelChecks);
  requireAtLeast('checkTimeoutMs', 1, checkTimeoutMs);
  const watches = new Map<string, Watch>();
  /** In the order in which they came; a session stands here once. */
  const queue = new Map<Watch, RevalidationReason>();
  const running = new Map<number, Check>();
  let lastCheck = 0;
  let clock: { readonly now: Instant; readonly atMs: number } | undefined;

  const want = (watch: Watch, reason: RevalidationReason): void => {
    watch.dueMs = Number.POSITIVE_INFINITY;
    if (watch.isBusy) watch.again = strongest(watch.again, reason);
    else queue.set(watch, strongest(queue.get(watch), reason));
  };

  const wantEach = (
    sessions: readonly string[],
    reason: RevalidationReason,
    now: Instant,
  ): void => {
    for (const session of sessions) {
      const watch = watches.get(session);
      if (watch === undefined) continue;
      if (reason === 'command') watch.commandAt = now;
      want(watch, reason);
    }
  };

  const startChecks = (now: Instant): readonly RevalidatorOutput[] => {
    const outputs: RevalidatorOutput[] = [];
    for (const [watch, reason] of queue) {
      if (running.size >= parallelChecks) break;
      queue.delete(watch);
      watch.isBusy = true;
      lastCheck += 1;
      running.set(lastCheck, { watch, reason, deadline: addMs(now, checkTimeoutMs) });
      const { session, commandAt: freshSince } = watch;
      const check = { kind: 'check', check: lastCheck, session, reason } as const;
      outputs.push(
        reason === 'command' && freshSince !== undefined ? { ...check, freshSince } : check,
      );
    }
    return outputs;
  };

  const stopWatching = (session: string): void => {
    const watch = watches.get(session);
    if (watch === undefined) return;
    watches.delete(session);
    queue.delete(watch);
    for (const [id, check] of running) if (check.watch === watch) running.delete(id);
  };

  const close = (watch: Watch): RevalidatorOutput => {
    stopWatching(watch.session);
    return { kind: 'close', session: watch.session, standing: watch.standing };
  };

  const conclude = (
    { watch, reason }: Check,
    verdict: CertificateVerdict | undefined,
    atMs: number,
  ): readonly RevalidatorOutput[] => {
    const standing = standingOf(verdict);
    const isNews = standing !== watch.standing;
    const base = { kind: 'verdict', session: watch.session, reason, standing, isNews } as const;
    watch.standing = standing;
    watch.isBusy = false;
    if (standing === 'good') {
      delete watch.graceUntilMs;
      plan(watch, verdict?.ok ? verdict.validUntilMs : atMs, atMs);
      again(watch);
      return [{ ...base, action: 'none' }];
    }
    const sentence = verdict && !verdict.ok ? verdict.sentence : UNPROVEN;
    const action = policy[standing];
    if (action.kind === 'close') {
      return [{ ...base, sentence, action: 'close' }, close(watch)];
    }
    watch.dueFor = 'retry';
    watch.dueMs = atMs + retryMs;
    again(watch);
    if (action.kind === 'alert') {
      delete watch.graceUntilMs;
      return [{ ...base, sentence, action: 'alert' }];
    }
    // The grace is counted from the first verdict that was not good: asking again does not lengthen it.
    const graceUntilMs = watch.graceUntilMs ?? atMs + action.graceMs;
    watch.graceUntilMs = graceUntilMs;
    const event = { ...base, sentence, action: 'grace', graceUntilMs } as const;
    return graceUntilMs <= atMs ? [event, close(watch)] : [event];
  };

  const again = (watch: Watch): void => {
    if (watch.again === undefined) return;
    const reason = watch.again;
    delete watch.again;
    want(watch, reason);
  };

  const plan = (watch: Watch, validUntilMs: number, atMs: number): void => {
    const timerMs = atMs + intervalMs;
    watch.dueFor = timerMs < validUntilMs ? 'timer' : 'evidence-expired';
    // One millisecond later: evidence is good until the very end.
    watch.dueMs = Math.max(Math.min(timerMs, validUntilMs + 1), atMs + SHORTEST_WAIT_MS);
  };

  const onTimeout = (now: Instant, atMs: number): readonly RevalidatorOutput[] => {
    const outputs: RevalidatorOutput[] = [];
    for (const [id, check] of running) {
      if (check.deadline > now) continue;
      running.delete(id);
      outputs.push(...conclude(check, undefined, atMs));
    }
    for (const watch of [...watches.values()]) {
      if (watch.graceUntilMs !== undefined && watch.graceUntilMs <= atMs) {
        outputs.push(close(watch));
      } else if (watch.dueMs <= atMs) want(watch, watch.dueFor);
    }
    return outputs;
  };

  const perform = (input: RevalidatorInput): readonly RevalidatorOutput[] => {
    switch (input.kind) {
      case 'opened': {
        const { session, validUntilMs, isProven, atMs } = input;
        stopWatching(session);
        const watch: Watch = {
          session,
          standing: 'good',
          dueMs: 0,
          dueFor: 'timer',
          isBusy: false,
        };
        watches.set(session, watch);
        if (isProven) plan(watch, validUntilMs, atMs);
        else want(watch, 'deferred');
        return [];
      }
      case 'closed':
        stopWatching(input.session);
        return [];
      case 'rekeyed':
        wantEach([input.session], 'rekey', input.now);
        return [];
      case 'revalidate':
        wantEach(input.sessions ?? [...watches.keys()], 'command', input.now);
        return [];
      case 'checked': {
        const check = running.get(input.check);
        if (check === undefined) return [];
        running.delete(input.check);
        return conclude(check, input.verdict, input.atMs);
      }
      case 'timeout':
        return onTimeout(input.now, input.atMs);
      default:
        return input satisfies never;
    }
  };

  return {
    get watched() {
      return watches.size;
    },
    handle(input) {
      clock = { now: input.now, atMs: input.atMs };
      return [...perform(input), ...startChecks(input.now)];
    },
    nextDeadline(): Deadline | undefined {
      if (clock === undefined) return undefined;
      let firstMs = Number.POSITIVE_INFINITY;
      for (const { dueMs, graceUntilMs = Number.POSITIVE_INFINITY } of watches.values()) {
        firstMs = Math.min(firstMs, dueMs, graceUntilMs);
      }
      let at =
        firstMs < Number.POSITIVE_INFINITY ? addMs(clock.now, firstMs - clock.atMs) : undefined;
      for (const { deadline } of running.values()) {
        if (at === undefined || deadline < at) at = deadline;
      }
      return at === undefined
        ? undefined
        : { name: 'revalidation', at, toleranceMs: TOLERANCE_MS, wake: 'process' };
    },
  };
}

const UNPROVEN =
  'There is no fresh CRL or OCSP response for a certificate in the path of the peer.';

/** A command wants fresh evidence and is not to be forgotten for a lesser reason. */
function strongest(
  old: RevalidationReason | undefined,
  reason: RevalidationReason,
): RevalidationReason {
  return old === 'command' ? old : reason;
}

function standingOf(verdict: CertificateVerdict | undefined): CertificateStanding {
  if (verdict === undefined) return 'unknown';
  if (verdict.ok) return verdict.unproven.length > 0 ? 'unknown' : 'good';
  switch (verdict.code) {
    case 'revoked':
      return 'revoked';
    case 'expired':
      return 'expired';
    case 'revocation-unknown':
      return 'unknown';
    default:
      return 'untrusted';
  }
}

function requireAtLeast(argument: string, least: number, got: number): void {
  if (!(got >= least)) throw new RangeError(`"${argument}" expected ${least} or more, got ${got}`);
}
