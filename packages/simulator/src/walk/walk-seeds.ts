import type { CryptoProvider } from '@ipsec-kit/crypto';
import { ExploreError, type ExploreOptions, type ExploreResult } from '../simulation/explore.ts';
import { runWalk, type WalkResult } from './run-walk.ts';
import type { WalkOccurrences } from './walk-occurrences.ts';
import { describeWalk, planWalk, type WalkChoice, type WalkPlan } from './walk-plan.ts';

/** How to walk many seeds. */
export interface WalkSeedsOptions
  extends Pick<ExploreOptions, 'runs' | 'firstSeed' | 'onlySeed' | 'replay'> {
  readonly crypto: CryptoProvider;
  readonly choice?: WalkChoice;
  /** Finds further faults in a walk. @param steps - how many steps of the plan were performed. */
  judge?(plan: WalkPlan, steps: number, result: WalkResult): readonly string[];
  /** Told after each walk. */
  onWalk?(seed: number): void;
}

/** What came of many walks. */
export interface WalkSeedsResult extends ExploreResult {
  /** How often each act, each meeting of requests, each kind of loss and each end occurred, most frequent first. */
  readonly occurrences: Readonly<Record<string, number>>;
}

/** Walks one seed after the other, and stops at the first that fails.
 * @throws ExploreError that says which seed fails and why, with the fewest first steps that still fail, how to replay it, and
 * what passed on the network.
 */
export function walkSeeds(options: WalkSeedsOptions): WalkSeedsResult {
  const { runs, firstSeed = 1, onlySeed = '', onWalk } = options;
  if (!Number.isInteger(runs) || runs < 1) {
    throw new RangeError(`"runs" expected a whole number of at least 1, got ${runs}`);
  }
  const [from, count] = onlySeed === '' ? [firstSeed, runs] : [Number(onlySeed), 1];
  if (!Number.isInteger(from)) {
    throw new RangeError(`"onlySeed" expected a whole number, got ${onlySeed}`);
  }
  const outcomes = new Map<string, number>();
  const occurrences: WalkOccurrences = new Map();
  for (let seed = from; seed < from + count; seed += 1) {
    const plan = planWalk(seed, options.choice);
    const { faults, outcome, occurrences: own } = walk(options, plan, plan.steps.length);
    for (const [what, count] of own) occurrences.set(what, (occurrences.get(what) ?? 0) + count);
    if (faults.length > 0) throw shortestFailure(options, plan);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    onWalk?.(seed);
  }
  const sorted = [...occurrences].sort(([, a], [, b]) => b - a);
  return {
    runs: count,
    outcomes: Object.fromEntries(outcomes),
    occurrences: Object.fromEntries(sorted),
  };
}

function walk({ crypto, judge }: WalkSeedsOptions, plan: WalkPlan, steps: number): WalkResult {
  const result = runWalk(plan, crypto, steps);
  return { ...result, faults: [...result.faults, ...(judge?.(plan, steps, result) ?? [])] };
}

function shortestFailure(options: WalkSeedsOptions, plan: WalkPlan): ExploreError {
  const { replay = 'walk with firstSeed <seed> and runs 1' } = options;
  const { seed } = plan;
  let steps = 0;
  let result = walk(options, plan, steps);
  while (result.faults.length === 0 && steps < plan.steps.length) {
    steps += 1;
    result = walk(options, plan, steps);
  }
  const walked = describeWalk({ ...plan, steps: plan.steps.slice(0, steps) });
  const story = `${walked}\n${result.simulation.story()}`;
  const cause = new Error(result.faults.join('; '));
  return new ExploreError(seed, replay.replaceAll('<seed>', String(seed)), cause, story);
}
