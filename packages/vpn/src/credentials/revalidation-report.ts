import type { CertificateStanding, RevalidationAction } from '@ipsec-kit/x509';
import { createDeferred } from '../deferred.ts';
import type { StandingSession } from '../session-book.ts';

/** Whose certificates are to be looked at again: those of the peers of all sessions, or of one connection. */
export interface RevalidationRequest {
  readonly connection?: string;
  /** How long verdicts are waited for; default 30 s, at most 10 min. What is not known by then is looked for all the same. */
  readonly timeoutMs?: number;
}

/** How the certificate of one peer stands that does not stand well. */
export interface BadStanding {
  readonly sessionId: number;
  readonly remoteIdentity: string;
  readonly standing: Exclude<CertificateStanding, 'good'>;
  readonly action: RevalidationAction['kind'];
  readonly sentence: string;
}

/** What came of a look at all certificates. */
export interface RevalidationReport {
  /** Sessions that have a verdict. */
  readonly checked: number;
  readonly good: number;
  /** At most {@link MAX_REPORTED}; `checked - good` says how many there are. */
  readonly bad: readonly BadStanding[];
  /** Sessions that had no verdict in time. */
  readonly pending: number;
  /** Sessions whose peer has proven itself otherwise: with a pre-shared key, or by EAP. */
  readonly withoutCertificate: number;
  readonly tookMs: number;
}

/** Most bad standings in a report. */
export const MAX_REPORTED = 1_000;

/** Of some sessions. */
export type TallyCount = Pick<RevalidationReport, 'checked' | 'good' | 'bad' | 'pending'>;

/** Both together. */
export function sumOf(a: TallyCount, b: TallyCount): TallyCount {
  return {
    checked: a.checked + b.checked,
    good: a.good + b.good,
    bad: [...a.bad, ...b.bad].slice(0, MAX_REPORTED),
    pending: a.pending + b.pending,
  };
}

/** Counts the verdicts of one look. */
export interface RevalidationTally {
  /** Resolves when every session has a verdict, and those that are closed for it are gone, or with {@link end}. */
  readonly done: Promise<TallyCount>;
  note(sessionId: number, verdict: Judgement): void;
  /** A session has ended without a verdict. */
  leave(sessionId: number): void;
  /** Whatever has no verdict yet stays pending. */
  end(): void;
}

interface Judgement {
  readonly standing: CertificateStanding;
  readonly action: 'none' | RevalidationAction['kind'];
  readonly sentence?: string;
}

/** Begins to count. */
export function createRevalidationTally(
  sessions: readonly Pick<StandingSession, 'id' | 'remoteIdentity'>[],
): RevalidationTally {
  const left = new Map(sessions.map(({ id, remoteIdentity }) => [id, remoteIdentity]));
  const closing = new Set<number>();
  const deferred = createDeferred<TallyCount>();
  const bad: BadStanding[] = [];
  let checked = 0;
  let good = 0;

  function end(): void {
    deferred.resolve({ checked, good, bad, pending: left.size });
  }

  function endIfDone(): void {
    if (left.size + closing.size === 0) end();
  }

  endIfDone();
  return {
    done: deferred.promise,
    note(sessionId, { standing, action, sentence = '' }) {
      const remoteIdentity = left.get(sessionId);
      if (remoteIdentity === undefined) return;
      left.delete(sessionId);
      checked += 1;
      if (standing === 'good' || action === 'none') good += 1;
      else {
        if (action === 'close') closing.add(sessionId);
        if (bad.length < MAX_REPORTED) {
          bad.push({ sessionId, remoteIdentity, standing, action, sentence });
        }
      }
      endIfDone();
    },
    leave(sessionId) {
      left.delete(sessionId);
      closing.delete(sessionId);
      endIfDone();
    },
    end,
  };
}
