import type { PacketEngine } from '@ipsec-kit/ipsec';
import { type PathFact, writePairNumbers } from '../pair-activity.ts';
import type { TransferredPair } from './messages.ts';
import { pairOf } from './transferred-pair.ts';

/** The pairs that stand in the engine of a worker, and where their counters are told. */
export interface WorkerPairs {
  /** How many there are. */
  readonly count: number;
  /** Whether packets of any get an IP header when they come, which needs room in front of each. */
  readonly hasTransport: boolean;
  /** Adds a pair and erases its keys. @throws as `PacketEngine.install`. */
  install(transferred: TransferredPair, counters: SharedArrayBuffer): void;
  /** An unknown one is taken as removed. */
  remove(pairId: number): void;
  removeAll(): void;
  /** Writes the counters of all, and when their packets passed.
   * @param carriedAtMs - when packets passed last, of whatever pair.
   * @returns facts of those that send again after a silence.
   */
  publish(carriedAtMs: number): readonly PathFact[];
}

/** Makes the list of an engine that has no pairs yet. */
export function createWorkerPairs(engine: PacketEngine): WorkerPairs {
  const numbersOf = new Map<number, Float64Array>();
  const transport = new Set<number>();

  function remove(pairId: number): void {
    numbersOf.delete(pairId);
    transport.delete(pairId);
    engine.remove(pairId);
  }

  return {
    get count(): number {
      return numbersOf.size;
    },
    get hasTransport(): boolean {
      return transport.size > 0;
    },
    install(transferred, counters): void {
      const pair = pairOf(transferred);
      try {
        engine.install(pair);
        numbersOf.set(pair.id, new Float64Array(counters));
        if (pair.mode === 'transport') transport.add(pair.id);
      } finally {
        // The ciphers have what they need by now.
        for (const { encryptionKey, integrityKey } of [pair.inbound, pair.outbound]) {
          encryptionKey.erase();
          integrityKey.erase();
        }
      }
    },
    remove,
    removeAll(): void {
      for (const pairId of [...numbersOf.keys()]) remove(pairId);
    },
    publish(carriedAtMs): readonly PathFact[] {
      const resumed: PathFact[] = [];
      for (const [pairId, numbers] of numbersOf) {
        const pair = engine.pairCounters(pairId);
        if (pair && writePairNumbers(numbers, pair, carriedAtMs)) {
          resumed.push({ kind: 'outbound-resumed', pairId });
        }
      }
      return resumed;
    },
  };
}
