import { describe, expect, it } from 'vitest';
import {
  createSimulation,
  disagreements,
  type ExploreRun,
  explore,
  lan,
  RandomStream,
  type Simulation,
} from '../../src/index.ts';
import { crypto } from './establishments.ts';

/** Longer than the server's DPD, all its retransmissions, and a half-open IKE SA. */
const UNTIL_ALL_IS_OVER_MS = 400_000;

/** A link as bad as the seed makes it: up to 30% loss each way. */
function badLink(seed: number) {
  const draw = new RandomStream(`${seed}/scenario`);
  return lan({
    latencyMs: draw.between(1, 100),
    jitterMs: draw.between(0, 100),
    loss: draw.between(0, 0.3),
    duplication: draw.between(0, 0.2),
    reordering: draw.between(0, 0.2),
    reorderDelayMs: draw.between(0, 6_000),
  });
}

function requireNothingLeft(simulation: Simulation): void {
  simulation.runFor(UNTIL_ALL_IS_OVER_MS);
  const { server, client } = simulation;
  expect([server.sessions.size, client.sessions.size], 'IKE SAs').toEqual([0, 0]);
  expect([server.children.size, client.children.size], 'Child SAs').toEqual([0, 0]);
  expect(disagreements(simulation)).toEqual([]);
  expect(simulation.network.counters.inFlight).toBe(0);
}

/** Establishes, uses and closes a tunnel over a bad link; or both ends give it up. */
function establishUseAndClose({ seed, simulate }: ExploreRun): string {
  const small = { settings: { fragmentBytes: 200 } };
  const simulation = simulate({
    crypto,
    link: badLink(seed),
    ...(seed % 4 === 0 ? { client: small, server: small } : {}),
    ...(seed % 4 === 1
      ? { client: { answerDelayMs: 150 }, server: { answerDelayMs: () => 350 } }
      : {}),
  });
  const result = simulation.open();
  if (!result.opened) {
    expect(result.failure?.code).toBe('peer-unreachable');
    requireNothingLeft(simulation);
    return 'given up';
  }
  expect(disagreements(simulation).filter(isNoLateDuplicate)).toEqual([]);
  const patience = { tries: 40, timeoutMs: 500 };
  expect(simulation.ping('to-server', patience), 'ping to the server').toBeDefined();
  expect(simulation.ping('to-client', patience), 'ping to the client').toBeDefined();
  simulation.close(result.sessionId);
  requireNothingLeft(simulation);
  return 'opened';
}

/** An old IKE_SA_INIT request that arrives late leaves a half-open IKE SA at the server, until its time is over. */
function isNoLateDuplicate(sentence: string): boolean {
  return !/^server has an IKE SA .* that is not authenticated$/.test(sentence);
}

describe('establishments over bad links', () => {
  it('agree at both ends, carry pings, and leave nothing behind', () => {
    const { runs, outcomes } = explore({
      runs: 1_000,
      onlySeed: process.env.IPSEC_KIT_SEED,
      replay:
        'IPSEC_KIT_SEED=<seed> npx vitest run packages/simulator -t "agree at both ends, carry pings"',
      scenario: establishUseAndClose,
    });
    if (runs === 1) return;
    // Both ways through must have been taken, or this shows less than it says.
    expect(outcomes.opened).toBeGreaterThan(950);
    expect(outcomes['given up']).toBeGreaterThan(1);
  });

  it('end with one sentence when nothing comes through', () => {
    const simulation = createSimulation({ seed: 1, crypto, link: lan({ loss: 1 }) });
    const result = simulation.open();
    expect(result).toMatchObject({ opened: false, failure: { code: 'peer-unreachable' } });
    requireNothingLeft(simulation);
  });

  it('give up at both ends when the server goes silent after IKE_SA_INIT', () => {
    const simulation = createSimulation({ seed: 1, crypto });
    simulation.network.onDatagram(({ from }, decide) => {
      if (from.port === 4500 && from.address.bytes[0] === 203) decide.drop();
    });
    expect(simulation.open()).toMatchObject({ opened: false });
    requireNothingLeft(simulation);
    expect(simulation.server.ended[0]?.failure.code).toBe('peer-dead');
  });
});
