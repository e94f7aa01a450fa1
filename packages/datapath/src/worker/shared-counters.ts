import type { EngineCounters } from '@ipsec-kit/ipsec';
import type { UdpCounters } from '@ipsec-kit/udp-adapter';
import type { DatapathCounters } from '../datapath-counters.ts';

// Numbers of 64 bits, each written by the worker alone and at once: a reader sees an old one or a new one, never half.
const DATAPATH: readonly (keyof DatapathCounters)[] = [
  'ikeReceived',
  'ikeSent',
  'espReceived',
  'keepalivesReceived',
  'keepalivesSent',
  'malformed',
  'releasedToHost',
  'releasedToPeers',
  'errorsToHost',
  'defects',
];
const UDP: readonly (keyof UdpCounters)[] = ['received', 'receiveDrops', 'sent', 'sendDrops'];
const ENGINE: readonly Exclude<keyof EngineCounters, 'drops'>[] = [
  'inPackets',
  'inBytes',
  'outPackets',
  'outBytes',
  'strangeEcnPackets',
  'heldPackets',
  'heldBytes',
];
const BYTES = 8;

/** Counters of the datapath, the sockets and the engine. */
export interface AllCounters {
  readonly datapath: DatapathCounters;
  readonly udp: UdpCounters;
  readonly engine: EngineCounters;
}

/** Counters in shared memory: one thread writes, others read at any time. */
export interface SharedCounters {
  readonly memory: SharedArrayBuffer;
  write(counters: AllCounters): void;
  datapath(): DatapathCounters;
  udp(): UdpCounters;
  engine(): EngineCounters;
}

/** Lays counters out in memory. @param dropReasons - in one order on both sides. @param memory - absent: new. */
export function sharedCounters(
  dropReasons: readonly string[],
  memory: SharedArrayBuffer = new SharedArrayBuffer(
    (DATAPATH.length + UDP.length + ENGINE.length + dropReasons.length) * BYTES,
  ),
): SharedCounters {
  const numbers = new Float64Array(memory);
  const udpAt = DATAPATH.length;
  const engineAt = udpAt + UDP.length;
  const dropsAt = engineAt + ENGINE.length;
  const drops = (): Record<string, number> =>
    Object.fromEntries(dropReasons.map((reason, i) => [reason, numbers[dropsAt + i] ?? 0]));
  return {
    memory,
    write({ datapath, udp, engine }): void {
      writeAll(numbers, 0, DATAPATH, datapath);
      writeAll(numbers, udpAt, UDP, udp);
      writeAll(numbers, engineAt, ENGINE, engine);
      writeAll(numbers, dropsAt, dropReasons, engine.drops);
    },
    datapath: () => readAll(numbers, 0, DATAPATH),
    udp: () => readAll(numbers, udpAt, UDP),
    engine: () => ({ ...readAll(numbers, engineAt, ENGINE), drops: drops() }),
  };
}

function writeAll<Name extends string>(
  numbers: Float64Array,
  at: number,
  names: readonly Name[],
  values: Readonly<Record<Name, number>>,
): void {
  for (let i = 0; i < names.length; i += 1) {
    const name = names[i];
    if (name !== undefined) numbers[at + i] = values[name] ?? 0;
  }
}

function readAll<Name extends string>(
  numbers: Float64Array,
  at: number,
  names: readonly Name[],
): Record<Name, number> {
  const entries = names.map((name, i) => [name, numbers[at + i] ?? 0]);
  return Object.fromEntries(entries) as Record<Name, number>;
}
