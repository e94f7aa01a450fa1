import { addMs, type Instant } from '@ipsec-kit/clock';
import type { Path } from '@ipsec-kit/ip';
import { type ProbeRound, probeRound } from './probe-schedule.ts';

/** The rounds in which an outstanding request is tried over all paths; see {@link probeRound}. */
export class ProbeRounds {
  #done = 0;
  #endAt: Instant;
  /** Whether it went over another path than the one in use. */
  isScattered = false;

  constructor(now: Instant) {
    this.#endAt = now;
  }

  /** When the wait of the last round is over. */
  get endAt(): Instant {
    return this.#endAt;
  }

  /** An answer has come, or another request goes out. */
  begin(now: Instant): void {
    this.#done = 0;
    this.#endAt = now;
    this.isScattered = false;
  }

  /** @returns the next round, or `undefined` when all have been tried. */
  next(now: Instant, paths: readonly Path[]): ProbeRound | undefined {
    const round = probeRound(this.#done, paths);
    if (round === undefined) return undefined;
    this.#done += 1;
    this.#endAt = addMs(now, round.waitMs);
    return round;
  }
}
