import { LINGER_MS } from '@ipsec-kit/ikev2';
import { formatAddress, prefixContains } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  createSimulation,
  disagreements,
  innerAddressOf,
  lan,
  POOL_PREFIX,
  type Simulation,
  wifi,
} from '../../src/index.ts';
import { crypto } from './establishments.ts';

function openAll(simulation: Simulation): void {
  for (const client of simulation.clients) simulation.initiate(client);
  const areAllOpen = (): boolean =>
    simulation.clients.every((client) => [...client.sessions.values()].some((s) => s.isOpen));
  expect(simulation.runUntil(areAllOpen, 300_000)).toBe(true);
}

function leasesOf(simulation: Simulation): string[] {
  return simulation.clients.map((client) => {
    const address = innerAddressOf(client);
    if (!address) throw new Error(`${client.name} has no address`);
    expect(prefixContains(POOL_PREFIX, address)).toBe(true);
    return formatAddress(address);
  });
}

describe('two hundred clients at once', () => {
  it('all get a tunnel and an address of their own', () => {
    const simulation = createSimulation({
      seed: 1,
      crypto,
      clients: 200,
      link: wifi({ loss: 0.05 }),
      traceEntries: 100,
    });
    openAll(simulation);
    expect(new Set(leasesOf(simulation)).size).toBe(200);
    // Cookies were asked for, and half-open IKE SAs of late duplicates run out.
    simulation.runFor(31_000 + 1_000);
    expect(disagreements(simulation)).toEqual([]);
    expect(simulation.server.sessions.size).toBe(200);
    for (const client of simulation.clients) {
      const patience = { client, tries: 10 };
      expect(simulation.ping('to-server', patience), client.name).toBeDefined();
      expect(simulation.ping('to-client', patience), client.name).toBeDefined();
    }
  });

  it('get their old addresses when they come again, and leave nothing when they go', () => {
    const simulation = createSimulation({ seed: 2, crypto, clients: 200, link: lan() });
    openAll(simulation);
    const leases = leasesOf(simulation);
    for (const client of simulation.clients) {
      for (const sessionId of client.sessions.keys()) simulation.close(sessionId, client);
    }
    simulation.runFor(60_000 + LINGER_MS);
    expect(simulation.server.sessions.size + simulation.server.children.size).toBe(0);
    expect(disagreements(simulation)).toEqual([]);
    for (const client of [...simulation.clients].reverse()) simulation.initiate(client);
    simulation.runFor(60_000);
    expect(leasesOf(simulation)).toEqual(leases);
  });
});
