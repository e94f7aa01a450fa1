import { addMs } from '@ipsec-kit/clock';
import { type IpAddress, parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  carrierNat,
  createSimulation,
  lan,
  type NatSettings,
  type Simulation,
} from '../../src/index.ts';
import { crypto } from './establishments.ts';

const SEEDS = 20;
const SEARCH_MS = 46 * 60_000;
const PROBES = 12;

interface Searched {
  readonly simulation: Simulation;
  readonly keepaliveMs: number;
  readonly lifetimeMs: number | undefined;
  readonly probes: number;
}

/** Lets a client measure the NAT that it is behind, while another host there uses it: the two ends are the real ones. */
function search(
  seed: number,
  settings: Partial<NatSettings>,
  { loss = 0.02, flowsEveryMs = 0 } = {},
): Searched {
  const simulation = createSimulation({
    seed,
    crypto,
    link: lan({ latencyMs: 20, loss }),
    nat: carrierNat(settings),
    client: { connection: { mobike: true, bindingDiscovery: true } },
    server: { connection: { mobike: true } },
  });
  if (flowsEveryMs > 0) useFromBeside(simulation, flowsEveryMs);
  expect(simulation.open().opened).toBe(true);
  simulation.runFor(SEARCH_MS);
  const found = simulation.events.flatMap(({ event }) =>
    event.kind === 'binding-discovered' ? event : [],
  );
  const [first] = found;
  // Later ones follow a keepalive that was lost.
  expect(first).toBeDefined();
  return {
    simulation,
    keepaliveMs: first?.keepaliveMs ?? 0,
    lifetimeMs: first?.lifetimeMs,
    probes: first?.probes ?? 0,
  };
}

/** Another host inside begins a new flow now and then. */
function useFromBeside({ network, nat, clock }: Simulation, everyMs: number): void {
  const own = address('198.18.9.9');
  const to = { address: address('203.0.113.99'), port: 53 };
  const beside = network.attach({
    name: 'beside',
    addresses: [own],
    ...(nat ? { segment: nat.inside } : {}),
    receive: () => undefined,
  });
  let port = 1_024;
  const begin = (): void => {
    port = port < 65_000 ? port + 1 : 1_024;
    beside.send({ address: own, port }, to, new Uint8Array(40));
    clock.wakeAt(addMs(clock.now(), everyMs), begin);
  };
  begin();
}

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`${text} is no address`);
  return parsed;
}

/** How many of the seeds find an interval of 70% to 100% of what a mapping lives. */
function goodSeeds(livesMs: number, run: (seed: number) => Searched): number {
  let good = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { keepaliveMs, probes } = run(seed);
    expect(probes).toBeLessThanOrEqual(PROBES);
    if (keepaliveMs >= 0.7 * livesMs && keepaliveMs < livesMs) good += 1;
  }
  return good;
}

describe('a client measures how long the NAT keeps a mapping (RFC 4787 §4.3)', () => {
  it.each([20, 30, 60, 120, 300])(
    'and finds an interval of seven to ten tenths of %i s',
    (seconds) => {
      const lifetimeMs = seconds * 1000;
      const good = goodSeeds(lifetimeMs, (seed) => search(seed, { lifetimeMs, ports: 'random' }));
      expect(good).toBeGreaterThanOrEqual(0.95 * SEEDS);
    },
  );

  it.each([
    [32, 2_000],
    [128, 500],
  ])(
    'and how soon a table of %i mappings evicts one, with a flow every %i ms',
    (maxMappings, flowsEveryMs) => {
      const good = goodSeeds(maxMappings * flowsEveryMs, (seed) =>
        search(seed, { maxMappings, lifetimeMs: 300_000 }, { flowsEveryMs }),
      );
      expect(good).toBeGreaterThanOrEqual(0.95 * SEEDS);
    },
  );

  it('after which the server reaches an idle client at any time, and nothing has moved', () => {
    const { simulation } = search(1, { lifetimeMs: 60_000 }, { loss: 0 });
    for (let minute = 0; minute < 60; minute += 1) {
      simulation.runFor(61_000);
      expect(simulation.ping('to-client')).toBeDefined();
    }
    const moves = simulation.events.filter(
      ({ event: { kind } }) => kind === 'peer-path-changed' || kind === 'mapping-changed',
    );
    expect(moves).toEqual([]);
  });

  it('and proves nothing where a new mapping gets the same port: the interval stays', () => {
    const { keepaliveMs, lifetimeMs } = search(1, { lifetimeMs: 120_000, ports: 'preserving' });
    expect([keepaliveMs, lifetimeMs]).toEqual([20_000, undefined]);
  });
});
