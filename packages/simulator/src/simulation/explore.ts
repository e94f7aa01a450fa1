import { createSimulation } from './create-simulation.ts';
import type { Simulation } from './simulation.ts';
import type { SimulationOptions } from './simulation-options.ts';

/** What a scenario is run with. */
export interface ExploreRun {
  readonly seed: number;
  /** Makes a simulation with the seed of the run, whose trace is told when the scenario throws. */
  simulate(options: Omit<SimulationOptions, 'seed'>): Simulation;
}

export interface ExploreOptions {
  /** How many seeds to run. */
  readonly runs: number;
  /** Seeds count from here; default 1. */
  readonly firstSeed?: number;
  /** Runs this seed alone: what the environment variable in `replay` says, if it is set. Text that is empty is none. */
  readonly onlySeed?: number | string | undefined;
  /** The command that replays one seed; `<seed>` stands for it.
   * @example `IPSEC_KIT_SEED=<seed> npx vitest run packages/simulator -t "agrees under loss"`
   */
  readonly replay?: string;
  /** Throws when something is wrong. What it returns is counted as the outcome of the run. */
  scenario(run: ExploreRun): string | undefined;
}

/** What came of an exploration. */
export interface ExploreResult {
  readonly runs: number;
  /** How often each outcome came, by name. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** A scenario that failed, with the way back to it. */
export class ExploreError extends Error {
  readonly code = 'seed-failed';
  readonly seed: number;

  constructor(seed: number, replay: string, cause: unknown, story: string) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`seed ${seed} fails: ${reason}\nreplay: seed ${seed} -> ${replay}\n${story}`, { cause });
    this.name = 'ExploreError';
    this.seed = seed;
  }
}

/** Runs a scenario with one seed after the other, and stops at the first that fails.
 * @throws ExploreError that says which seed failed and why, how to replay it, and what passed on the network.
 */
export function explore(options: ExploreOptions): ExploreResult {
  const outcomes = new Map<string, number>();
  const seeds = seedsOf(options);
  for (const seed of seeds) {
    const outcome = runOne(options, seed);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  return { runs: seeds.length, outcomes: Object.fromEntries(outcomes) };
}

function seedsOf({ runs, firstSeed = 1, onlySeed = '' }: ExploreOptions): readonly number[] {
  if (!Number.isInteger(runs) || runs < 1) {
    throw new RangeError(`"runs" expected a whole number of at least 1, got ${runs}`);
  }
  if (onlySeed === '') return Array.from({ length: runs }, (_, index) => firstSeed + index);
  const only = Number(onlySeed);
  if (!Number.isInteger(only)) {
    throw new RangeError(`"onlySeed" expected a whole number, got ${onlySeed}`);
  }
  return [only];
}

function runOne(options: ExploreOptions, seed: number): string {
  const simulations: Simulation[] = [];
  const simulate: ExploreRun['simulate'] = (parts) => {
    const simulation = createSimulation({ ...parts, seed });
    simulations.push(simulation);
    return simulation;
  };
  try {
    return options.scenario({ seed, simulate }) ?? 'passed';
  } catch (error) {
    const replay = (
      options.replay ?? 'run the scenario with firstSeed <seed> and runs 1'
    ).replaceAll('<seed>', String(seed));
    const story = simulations.map((simulation) => simulation.story()).join('\n\n');
    throw new ExploreError(seed, replay, error, story);
  }
}
