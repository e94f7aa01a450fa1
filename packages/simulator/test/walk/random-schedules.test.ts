import { describe, expect, it } from 'vitest';
import {
  describeWalk,
  ExploreError,
  planWalk,
  runWalk,
  WALK_CONFIGURATIONS,
  WALK_REST_MS,
  type WalkChoice,
  type WalkConfiguration,
  walkSeeds,
} from '../../src/index.ts';
import { crypto } from '../simulation/establishments.ts';

const SCHEDULES = 2_000;
/** All acts, in all configurations. */
const CHOICE: WalkChoice = {};

const REQUESTS = ['create-child', 'rekey-child', 'rekey-ike', 'delete'] as const;
/** What a walk that shows something has in it, and how often at least in so many schedules. */
const FEWEST: readonly (readonly [string, number])[] = [
  ...(
    [
      'rekey-child',
      'rekey-ike',
      'create-child',
      'close-child',
      'close',
      'reauthenticate',
      'check-liveness',
      'traffic',
      'sleep',
      'cut',
    ] as const
  ).map((act) => [`act ${act}`, SCHEDULES / 10] as const),
  // Every request while every other is out.
  ...REQUESTS.flatMap((own) =>
    REQUESTS.map((peer) => [`${own} meets ${peer}`, SCHEDULES / 100] as const),
  ),
  ...['lost', 'repeated', 'cut off', 'held back', 'retransmitted'].map(
    (what) => [`IKE ${what}`, SCHEDULES / 10] as const,
  ),
  ...['lost', 'repeated', 'cut off'].map((what) => [`ESP ${what}`, SCHEDULES / 10] as const),
  ['answer TEMPORARY_FAILURE', SCHEDULES / 10],
  ['answer INVALID_KE_PAYLOAD', SCHEDULES / 20],
  ['answer CHILD_SA_NOT_FOUND', SCHEDULES / 100],
  ['end peer-deleted', SCHEDULES / 20],
  ['end peer-dead', SCHEDULES / 20],
  ['end lifetime-over', 1],
];

/** One child, and a server that ends what was not reauthenticated so long after it was opened. */
function endsAfter(ms: number): WalkConfiguration {
  const one = WALK_CONFIGURATIONS.find(({ name }) => name === 'one child');
  if (!one) throw new Error('no configuration of one child');
  // Less than a second is none that AUTH_LIFETIME can tell of, so that the client lets it pass. RFC 4478 §3
  const connection = { ...one.server.connection, reauthMs: 999, overMs: ms - 999 };
  return { ...one, isTimed: true, server: { ...one.server, connection } };
}

describe('random schedules of all commands over a bad network (RFC 7296 §2.8.1, §2.8.2, §2.25)', () => {
  it(`leave two peers that agree with each other and with the model, in ${SCHEDULES} schedules`, () => {
    const { runs, outcomes, occurrences } = walkSeeds({
      crypto,
      choice: CHOICE,
      runs: SCHEDULES,
      onlySeed: process.env.IPSEC_KIT_SEED,
      replay:
        'IPSEC_KIT_SEED=<seed> npx vitest run packages/simulator -t "agree with each other and with the model"',
    });
    if (runs === 1) return;
    // Walks that end without a session show little.
    expect(outcomes.open).toBeGreaterThan(SCHEDULES / 2);
    expect(outcomes.closed).toBeGreaterThan(SCHEDULES / 50);
    const rare = FEWEST.filter(([what, fewest]) => (occurrences[what] ?? 0) < fewest);
    expect(rare, JSON.stringify(occurrences)).toEqual([]);
  }, 300_000);

  it('are the same for the same seed, and their first steps are walks as well', () => {
    const plan = planWalk(7);
    expect(planWalk(7)).toEqual(plan);
    const [first, again] = [runWalk(plan, crypto), runWalk(plan, crypto)];
    expect(again.simulation.story()).toBe(first.simulation.story());
    expect(runWalk(plan, crypto, 0).faults).toEqual([]);
    expect(describeWalk(plan).split('\n')).toHaveLength(plan.steps.length + 1);
  });

  it('leave a Child SA once whose end of life came in one moment with that of its IKE SA, at a late wake', () => {
    expect(runWalk(planWalk(943_770), crypto).faults).toEqual([]);
  });

  it('leave closed what the peer has closed in both IKE SAs of a reauthentication before the answer to our rekey came', () => {
    expect(runWalk(planWalk(42_143), crypto).faults).toEqual([]);
  });

  it('leave a Child SA once that the peer has made and moved before the answer to our request came, also where both sides reauthenticate', () => {
    expect(runWalk(planWalk(3_491_124), crypto).faults).toEqual([]);
  });

  it('may end a session by time at any moment, and then wait for the last copies of its DELETE', () => {
    const plan = planWalk(1, { configurations: [endsAfter(WALK_REST_MS + 200_000)] });
    const { faults, outcome } = runWalk(plan, crypto, 0);
    expect([outcome, faults]).toEqual(['lost', []]);
  });

  it('print the seed, the shortest prefix that fails, and how to replay it', () => {
    let error: unknown;
    try {
      walkSeeds({
        crypto,
        runs: 3,
        firstSeed: 20,
        replay: 'again <seed>',
        judge: ({ seed, steps }, used) =>
          seed === 21 && used >= 2 ? [`${used} of ${steps.length} steps`] : [],
      });
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof ExploreError)) throw new Error('nothing failed');
    expect(error.seed).toBe(21);
    expect(error.message).toContain('seed 21 fails: 2 of ');
    expect(error.message).toContain('again 21');
    expect(error.message).toContain(
      describeWalk({ ...planWalk(21), steps: planWalk(21).steps.slice(0, 2) }),
    );
  });
});
