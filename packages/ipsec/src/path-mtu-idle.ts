import { addMs, earlierOf, type Instant, laterOf } from '@ipsec-kit/clock';
import type { FoundState } from './path-mtu-state.ts';

/** Longest time between two looks at whether an idle path is used again, in milliseconds. */
const MOST_IDLE_MS = 300_000;

/** The path is due for a probe, and nobody uses it: it is looked at again after twice the time, unless somebody has sent a little.
 * @param hasMore - whether anybody has since the last look. @see RFC 8899 §5.1.1
 */
export function leftIdle(
  now: Instant,
  { raiseAt, idleMs }: FoundState,
  hasMore: boolean,
  confirmMs: number,
): FoundState {
  const nextMs = hasMore ? confirmMs : longer(idleMs ?? confirmMs, confirmMs);
  return { kind: 'found', raiseAt, confirmAt: addMs(now, nextMs), idleMs: nextMs };
}

/** Somebody uses the path again: what comes through is asked for as soon as on one that was never idle. */
export function usedAgain(
  now: Instant,
  { raiseAt, confirmAt }: FoundState,
  confirmMs: number,
): FoundState {
  const soon = addMs(now, confirmMs);
  return { kind: 'found', raiseAt: laterOf(raiseAt, soon), confirmAt: earlierOf(confirmAt, soon) };
}

function longer(idleMs: number, confirmMs: number): number {
  return Math.max(Math.min(idleMs * 2, MOST_IDLE_MS), confirmMs);
}
