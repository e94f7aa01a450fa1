import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { cellular, createSimulation, type SimulationOptions } from '../src/index.ts';

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

type Options = Omit<SimulationOptions, 'seed'>;

/** Establishments of both ends in a second of real time: set up, two exchanges, teardown of the simulation. */
function establishmentsPerSecond(count: number, options: Options): number {
  const start = process.hrtime.bigint();
  for (let seed = 1; seed <= count; seed += 1) {
    const simulation = createSimulation({ ...options, seed });
    if (!simulation.open().opened) throw new Error(`seed ${seed} did not open`);
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  return count / seconds;
}

/** ESP packets through both engines and the network in a second of real time. */
function pingsPerSecond(count: number, options: Options): number {
  const simulation = createSimulation({ ...options, seed: 1, traceEntries: 100 });
  simulation.open();
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i += 1) {
    if (simulation.ping() === undefined) throw new Error('a ping was lost');
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  return count / seconds;
}

/** Simulated establishments and pings. */
export async function bench(): Promise<Row[]> {
  const node = { crypto: createNodeProvider() };
  const noble = { crypto: createNobleProvider() };
  const lossy = { ...node, link: cellular({ loss: 0.1 }) };
  establishmentsPerSecond(50, node);
  return [
    row('simulated establishments, node:crypto', establishmentsPerSecond(500, node)),
    row('simulated establishments, 10% loss, node:crypto', establishmentsPerSecond(500, lossy)),
    row('simulated establishments, noble', establishmentsPerSecond(50, noble)),
    row('simulated pings through a tunnel, node:crypto', pingsPerSecond(2_000, node)),
  ];
}

function row(name: string, value: number): Row {
  return { name, value, unit: '1/s' };
}
