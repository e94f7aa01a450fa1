import type { PacketEngine, SaPairCounters } from '@ipsec-kit/ipsec';
import {
  newPairNumbers,
  type PairActivity,
  type PathFact,
  readPairActivity,
  writePairNumbers,
} from './pair-activity.ts';

/** How far apart looks at the pairs are while packets pass: 20 ms, and more with many pairs, so that looking stays cheap. */
export const LOOK_MS = 20;
const PAIRS_PER_MS = 100;

/** How often the numbers of so many pairs may be copied, in milliseconds. @param leastMs - with few pairs. */
export function lookIntervalMs(pairs: number, leastMs: number = LOOK_MS): number {
  return leastMs + Math.floor(pairs / PAIRS_PER_MS);
}

/** When packets of the pairs of an engine passed last: told by its counters, so that no packet pays for it. */
export interface ActivityWatch {
  add(pairId: number): void;
  remove(pairId: number): void;
  /** Packets have passed, of whatever pair. */
  carried(): void;
  activityOf(pairId: number): PairActivity | undefined;
}

/** Makes a watch without pairs.
 * @param takeRefused - what the system has refused to send since the last look, as facts.
 */
export function createActivityWatch(
  engine: Pick<PacketEngine, 'pairCounters'>,
  nowMs: () => number,
  onFacts: (facts: readonly PathFact[]) => void,
  takeRefused: () => readonly PathFact[] = () => [],
): ActivityWatch {
  const pairs = new Map<number, Float64Array>();
  let carriedAtMs = 0;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let isBehind = false;

  function look(): void {
    isBehind = false;
    const facts: PathFact[] = [...takeRefused()];
    for (const [pairId, numbers] of pairs) {
      const counters: SaPairCounters | undefined = engine.pairCounters(pairId);
      if (counters && writePairNumbers(numbers, counters, carriedAtMs)) {
        facts.push({ kind: 'outbound-resumed', pairId });
      }
    }
    if (facts.length > 0) onFacts(facts);
  }

  return {
    add: (pairId) => pairs.set(pairId, new Float64Array(newPairNumbers())),
    remove: (pairId) => pairs.delete(pairId),
    carried(): void {
      carriedAtMs = nowMs();
      isBehind = true;
      if (carriedAtMs - lookedAtMs < lookIntervalMs(pairs.size)) return;
      lookedAtMs = carriedAtMs;
      look();
    },
    activityOf(pairId): PairActivity | undefined {
      if (isBehind) look();
      const numbers = pairs.get(pairId);
      return numbers && readPairActivity(numbers, nowMs());
    },
  };
}
