import { msBetween } from '@ipsec-kit/clock';
import type { CryptoProvider } from '@ipsec-kit/crypto';
import { createSimulation } from '../simulation/create-simulation.ts';
import { SERVER_INNER_ADDRESS } from '../simulation/default-connection.ts';
import { innerAddressOf, type Simulation } from '../simulation/simulation.ts';
import type { DozePlan } from './run-doze.ts';

/** How a tunnel came back when somebody took up the phone. */
export interface Recovery {
  /** Whether the server could not reach the phone before. */
  readonly wasLost: boolean;
  /** From then on packets of the server arrive, counted from the waking; `undefined`: not within the limit. */
  readonly afterMs: number | undefined;
  /** Of the first packets through the tunnel, there and back: the median. */
  readonly roundTripMs: number;
}

const HOUR_MS = 3_600_000;
const PING_EVERY_MS = 1;
/** A link has slow packets and fast ones. */
const ROUND_TRIPS = 9;
const LIMIT_MS = 60_000;
/** A phone that is reached answers, and its mapping lives on from there. */
const FORGET_MS = 300_000;
const MOST_PINGS = 24;
/** Echo requests of a measurement have sequence numbers of their own. */
const FIRST_SEQUENCE = 20_000;

/** Lets the phone of a plan lie for its hours with nothing to wake it by chance, and then until its mapping is lost; takes it up, and
 * sees from when on packets of the server reach it again.
 * @throws Error when the tunnel does not open.
 */
export function measureRecovery(
  plan: DozePlan,
  seed: number | string,
  crypto?: CryptoProvider,
): Recovery {
  const { chanceWake: _, ...device } = plan.device;
  const simulation = createSimulation({
    seed,
    ...(plan.link ? { link: plan.link } : {}),
    nat: plan.nat,
    client: { ...plan.client, device },
    ...(plan.server ? { server: plan.server } : {}),
    ...(crypto ? { crypto } : {}),
  });
  const opened = simulation.open();
  if (!opened.opened) throw new Error(`the tunnel did not open: ${opened.failure?.sentence}`);
  const roundTripMs = medianRoundTripMs(simulation);
  simulation.runFor(plan.hours * HOUR_MS);
  const wasLost = pingUntilLost(simulation);
  return { wasLost, afterMs: pingUntilBack(simulation), roundTripMs };
}

function medianRoundTripMs(simulation: Simulation): number {
  const times = Array.from({ length: ROUND_TRIPS }, () => simulation.ping('to-server'));
  const sorted = times.filter((ms) => ms !== undefined).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  if (median === undefined) throw new Error('the tunnel that has just opened carries nothing');
  return median;
}

function pingUntilLost(simulation: Simulation): boolean {
  for (let pings = 0; pings < MOST_PINGS; pings += 1) {
    if (simulation.ping('to-client') === undefined) return true;
    simulation.runFor(FORGET_MS);
  }
  return false;
}

function pingUntilBack(simulation: Simulation): number | undefined {
  const { client, server, devices } = simulation;
  const address = innerAddressOf(client);
  if (!address) return undefined;
  devices.get('client')?.use();
  const wokeAt = simulation.now;
  const sentMs: number[] = [];
  while (msBetween(wokeAt, simulation.now) < LIMIT_MS) {
    sentMs.push(msBetween(wokeAt, simulation.now));
    server.sendEcho(SERVER_INNER_ADDRESS, address, FIRST_SEQUENCE + sentMs.length);
    simulation.runFor(PING_EVERY_MS);
    const first = sentMs.findIndex(
      (_, index) => server.echoReplyAt(FIRST_SEQUENCE + index + 1) !== undefined,
    );
    if (first >= 0) return sentMs[first];
  }
  return undefined;
}
