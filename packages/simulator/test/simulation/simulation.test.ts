import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { describe, expect, it } from 'vitest';
import { createSimulation, disagreements } from '../../src/index.ts';

const crypto = createNodeProvider();

describe('a simulation', () => {
  it('opens a session, pings both ways and closes', () => {
    const simulation = createSimulation({ seed: 1, crypto });
    expect(simulation.open()).toMatchObject({ opened: true, sessionId: 1 });
    expect(simulation.ping()).toBeCloseTo(0.6);
    expect(simulation.ping('to-client')).toBeCloseTo(0.6);
    expect(disagreements(simulation)).toEqual([]);
    expect(simulation.close(1)).toBe(true);
    simulation.runFor(60_000);
    expect(disagreements(simulation)).toEqual([]);
    expect(simulation.server.sessions.size).toBe(0);
  });
});
