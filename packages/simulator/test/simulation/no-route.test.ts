import { type IpAddress, parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  createLink,
  createSimulation,
  HostNetworks,
  lan,
  type Middlebox,
  type Simulation,
} from '../../src/index.ts';
import { crypto } from './establishments.ts';

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`${text} is no address`);
  return parsed;
}

interface Scene {
  readonly simulation: Simulation;
  /** Longest time without a reply, in milliseconds, over so many pings 50 ms apart. */
  outageMs(pings: number): number;
}

/** A client in two networks, of which the preferred one leads nowhere after a while: its host knows, or what it sends is lost. */
function scene(seed: number, isKnown: boolean): Scene & { loseWifi(): void } {
  let isLost = false;
  const hole: Middlebox = {
    name: 'hole',
    pass: (datagram) => (isLost && !isKnown ? [] : [{ datagram, delayMs: 0 }]),
  };
  const link = (name: string): Middlebox => createLink(lan({ latencyMs: 10 }), `${seed}/${name}`);
  const simulation = createSimulation({
    seed,
    crypto,
    client: {
      connection: { mobike: true },
      networks: ({ network, clock }) =>
        new HostNetworks({
          network,
          clock,
          networks: [
            {
              name: 'wifi',
              addresses: [address('198.18.0.1')],
              links: [link('wifi'), hole],
              metric: 100,
              hasRouteTo: () => !(isLost && isKnown),
            },
            {
              name: 'lte',
              addresses: [address('198.19.0.1')],
              links: [link('lte')],
              metric: 600,
            },
          ],
          joined: ['wifi', 'lte'],
        }),
    },
    server: { connection: { mobike: true } },
  });
  if (!simulation.open().opened) throw new Error('the tunnel did not open');
  return {
    simulation,
    loseWifi() {
      isLost = true;
    },
    outageMs(pings) {
      let [longest, silent] = [0, 0];
      for (let i = 0; i < pings; i += 1) {
        const took = simulation.ping('to-server', { timeoutMs: 50 });
        silent = took === undefined ? silent + 50 : 0;
        longest = Math.max(longest, silent);
        if (took !== undefined) simulation.runFor(50 - took);
      }
      return longest;
    },
  };
}

describe.each([1, 2, 3])('a client whose preferred network leads nowhere, with seed %i', (seed) => {
  it('is back within two pings where its host knows, and seconds later where it does not (RFC 4555 §3.10)', () => {
    const told = scene(seed, true);
    told.outageMs(40);
    told.loseWifi();
    // The first packet that does not leave says so; then the round trips of a question and of an update.
    expect(told.outageMs(200)).toBeLessThanOrEqual(100);
    // It has been busy from its first moment: no silence has brought anybody to look at what it sends.
    const untold = scene(seed, false);
    untold.outageMs(40);
    untold.loseWifi();
    const outageMs = untold.outageMs(200);
    expect(outageMs).toBeGreaterThan(1_400);
    expect(outageMs).toBeLessThanOrEqual(5_000);
  });

  it('that is idle is asked by its user, and moves within a few round trips', () => {
    const { simulation, loseWifi } = scene(seed, true);
    simulation.runFor(5_000);
    loseWifi();
    const [sessionId = 0] = simulation.client.sessions.keys();
    simulation.client.command({ kind: 'check-liveness', sessionId });
    simulation.runFor(100);
    expect(simulation.ping('to-client')).toBeDefined();
    expect(simulation.ping('to-server')).toBeDefined();
    const moves = simulation.events.filter(({ event }) => event.kind === 'addresses-updated');
    expect(moves).toHaveLength(1);
  });
});
