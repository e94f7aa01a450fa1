import { describe, expect, it } from 'vitest';
import { cellular, createSimulation, type SimulationOptions } from '../../src/index.ts';
import { crypto } from './establishments.ts';

function runOf(seed: number | string, options: Partial<SimulationOptions> = {}) {
  const simulation = createSimulation({ seed, crypto, link: cellular({ loss: 0.2 }), ...options });
  const result = simulation.open();
  simulation.ping('to-server', { tries: 5 });
  simulation.runFor(120_000);
  if (result.opened) simulation.close(result.sessionId);
  return simulation;
}

describe('a simulation', () => {
  it('gives the same trace for the same seed, byte for byte', () => {
    const first = runOf(42);
    const second = runOf(42);
    expect(first.network.trace.length).toBeGreaterThan(20);
    expect(second.network.trace).toEqual(first.network.trace);
    expect(second.story()).toBe(first.story());
    const told = (simulation: typeof first): unknown[] =>
      simulation.events.map(({ at, host, event }) => [at, host, event.kind]);
    expect(told(second)).toEqual(told(first));
  });

  it('gives another trace for another seed', () => {
    expect(runOf(1).story()).not.toBe(runOf(2).story());
  });

  it('takes numbers and texts as seeds', () => {
    expect(runOf('7').story()).toBe(runOf(7).story());
  });

  it('sends the same first bytes whatever the link does', () => {
    const firstDatagram = (loss: number) =>
      runOf(5, { link: cellular({ loss }) }).network.trace.find(({ kind }) => kind === 'sent');
    expect(firstDatagram(0)).toEqual(firstDatagram(0.9));
  });
});
