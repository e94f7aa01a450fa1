import type { PacketEngine, PairElsewhere } from '@ipsec-kit/ipsec';
import { type PathFact, writePairNumbers } from '../pair-activity.ts';
import type { TransferredPair } from './messages.ts';
import { pairOf } from './transferred-pair.ts';

/** The pairs that stand in the engine of a worker, and where their counters are told. */
export interface WorkerPairs {
  /** @returns how many there are. */
  count(): number;
  /** @returns whether packets of any get an IP header when they come, which needs room in front of each. */
  hasTransport(): boolean;
  /** Adds a pair and erases its keys. @throws as `PacketEngine.install`. */
  install(transferred: TransferredPair, counters: SharedArrayBuffer): void;
  /** Adds one that another worker has installed. @throws as `PacketEngine.installElsewhere`. */
  installElsewhere(pair: PairElsewhere, outboundSpi: number): void;
  /** An unknown one is taken as removed. */
  remove(pairId: number): void;
  removeAll(): void;
  /** The pair that sends with this SPI, also where another worker has it: what routers say may come to any. */
  sendingWith(spi: number): number | undefined;
  /** Writes the counters of all, and when their packets passed.
   * @param carriedAtMs - when packets passed last, of whatever pair.
   * @returns facts of those that send again after a silence.
   */
  publish(carriedAtMs: number): readonly PathFact[];
}

interface Standing {
  readonly numbers: Float64Array;
  readonly outboundSpi: number;
  readonly isTransport: boolean;
}

/** Makes the list of an engine that has no pairs yet. */
export function createWorkerPairs(engine: PacketEngine): WorkerPairs {
  const standing = new Map<number, Standing>();
  /** Outbound SPIs of those that other workers have. */
  const elsewhere = new Map<number, number>();
  /** Two peers may have chosen the same one: then the last one is meant. */
  const byOutboundSpi = new Map<number, number>();
  let transports = 0;

  function remove(pairId: number): void {
    const pair = standing.get(pairId);
    const outboundSpi = pair?.outboundSpi ?? elsewhere.get(pairId);
    standing.delete(pairId);
    elsewhere.delete(pairId);
    if (pair?.isTransport) transports -= 1;
    if (outboundSpi !== undefined && byOutboundSpi.get(outboundSpi) === pairId) {
      byOutboundSpi.delete(outboundSpi);
    }
    engine.remove(pairId);
  }

  return {
    count: () => standing.size,
    hasTransport: () => transports > 0,
    install(transferred, counters): void {
      const pair = pairOf(transferred);
      try {
        engine.install(pair);
        const outboundSpi = pair.outbound.spi >>> 0;
        const isTransport = pair.mode === 'transport';
        standing.set(pair.id, { numbers: new Float64Array(counters), outboundSpi, isTransport });
        byOutboundSpi.set(outboundSpi, pair.id);
        if (isTransport) transports += 1;
      } finally {
        // The ciphers have what they need by now.
        for (const { encryptionKey, integrityKey } of [pair.inbound, pair.outbound]) {
          encryptionKey.erase();
          integrityKey.erase();
        }
      }
    },
    installElsewhere(pair, spi): void {
      engine.installElsewhere(pair);
      elsewhere.set(pair.id, spi >>> 0);
      byOutboundSpi.set(spi >>> 0, pair.id);
    },
    remove,
    removeAll(): void {
      for (const pairId of [...standing.keys(), ...elsewhere.keys()]) remove(pairId);
    },
    sendingWith: (spi) => byOutboundSpi.get(spi >>> 0),
    publish(carriedAtMs): readonly PathFact[] {
      const resumed: PathFact[] = [];
      for (const [pairId, { numbers }] of standing) {
        const pair = engine.pairCounters(pairId);
        if (pair && writePairNumbers(numbers, pair, carriedAtMs)) {
          resumed.push({ kind: 'outbound-resumed', pairId });
        }
      }
      return resumed;
    },
  };
}
