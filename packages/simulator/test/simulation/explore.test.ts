import { describe, expect, it } from 'vitest';
import { ExploreError, type ExploreOptions, explore, lan } from '../../src/index.ts';
import { crypto } from './establishments.ts';

const replay = 'IPSEC_KIT_SEED=<seed> npx vitest run packages/simulator -t "explores"';

function failureOf(options: Omit<ExploreOptions, 'replay'>): ExploreError {
  try {
    explore({ ...options, replay });
  } catch (error) {
    if (error instanceof ExploreError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

describe('an exploration', () => {
  it('runs one seed after the other and counts the outcomes', () => {
    const seeds: number[] = [];
    const result = explore({
      runs: 4,
      firstSeed: 10,
      scenario({ seed }) {
        seeds.push(seed);
        return seed % 2 === 0 ? 'even' : undefined;
      },
    });
    expect(seeds).toEqual([10, 11, 12, 13]);
    expect(result).toEqual({ runs: 4, outcomes: { even: 2, passed: 2 } });
  });

  it('stops at the first seed that fails, and prints how to replay it and what passed', () => {
    const error = failureOf({
      runs: 100,
      firstSeed: 1230,
      scenario({ seed, simulate }) {
        const simulation = simulate({ crypto, link: lan({ latencyMs: 10 }) });
        simulation.open();
        if (seed === 1234) throw new Error('the ends disagree');
      },
    });
    expect(error.seed).toBe(1234);
    expect(error.message).toContain('seed 1234 fails: the ends disagree');
    expect(error.message).toContain(
      'replay: seed 1234 -> IPSEC_KIT_SEED=1234 npx vitest run packages/simulator -t "explores"',
    );
    expect(error.message).toContain('IKE_AUTH response 1');
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('replays one seed alone, with the same trace', () => {
    const scenario: ExploreOptions['scenario'] = ({ simulate }) => {
      simulate({ crypto, link: lan({ loss: 0.3, latencyMs: 20 }) }).open();
      throw new Error('as it is');
    };
    const first = failureOf({ runs: 1, firstSeed: 77, scenario });
    expect(failureOf({ runs: 500, onlySeed: '77', scenario }).message).toBe(first.message);
  });

  it('takes an empty seed for none and refuses one that is no number', () => {
    const scenario = (): undefined => undefined;
    expect(explore({ runs: 3, onlySeed: '', scenario }).runs).toBe(3);
    expect(() => explore({ runs: 3, onlySeed: 'x', scenario })).toThrow(/"onlySeed" expected/);
    expect(() => explore({ runs: 0, scenario })).toThrow(/"runs" expected/);
  });
});
