import type { Path } from '@ipsec-kit/ip';

/** While paths are being tried: a round every 2.5 s, ten times. */
const ROUND_MS = 2_500;
const QUICK_ROUNDS = 10;
/** Then more and more rarely, until five minutes are over. @see RFC 4555 §3.11 */
const FACTOR = 1.8;
const LONGEST_ROUND_MS = 60_000;
const OVER_AFTER_MS = 5 * 60_000;
/** Paths of one round: no burst at addresses that nobody has verified. */
const MOST_PATHS_PER_ROUND = 8;

/** The next round of trying paths with a request that has no answer. */
export interface ProbeRound {
  /** Where to send the request, bitwise the same everywhere (RFC 7296 §2.1). */
  readonly paths: readonly Path[];
  /** How long to wait for an answer before the next round. */
  readonly waitMs: number;
}

/** The rounds in which an outstanding request is sent over all paths, since with a window of 1 it is the only path test there can
 * be: it goes through all pairs of addresses, begins again when it is through, and ends only after minutes.
 * @param round - counted from 0.
 * @param candidates - all paths, the likeliest first.
 * @returns `undefined` when the peer has had its time.
 * @see RFC 4555 §3.10, §3.11, RFC 4621 §6.2
 */
export function probeRound(round: number, candidates: readonly Path[]): ProbeRound | undefined {
  if (candidates.length === 0 || startOfRoundMs(round) >= OVER_AFTER_MS) return undefined;
  const count = Math.min(candidates.length, MOST_PATHS_PER_ROUND);
  const first = candidates.length > count ? round * count : 0;
  const paths = Array.from(
    { length: count },
    (_, index) => candidates[(first + index) % candidates.length],
  ).filter((path) => path !== undefined);
  return { paths, waitMs: waitMs(round) };
}

function startOfRoundMs(round: number): number {
  let startMs = 0;
  for (let i = 0; i < round && startMs < OVER_AFTER_MS; i += 1) startMs += waitMs(i);
  return startMs;
}

function waitMs(round: number): number {
  if (round < QUICK_ROUNDS) return ROUND_MS;
  return Math.min(LONGEST_ROUND_MS, ROUND_MS * FACTOR ** (round - QUICK_ROUNDS + 1));
}
