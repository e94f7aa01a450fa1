import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import { type PacketBatch, type Path, writePackedPath } from '@ipsec-kit/ip';
import type { EngineCounters, Fact, PacketEngine, SaPairCounters } from './engine.ts';
import { createEngineState, type EngineState } from './engine-state.ts';
import { openBatch } from './inbound-batch.ts';
import { createInstalledPair, type InstalledPair } from './installed-pair.ts';
import { sealBatch } from './outbound-batch.ts';
import type { SaPair } from './sa-pair.ts';

/** Facts that wait for the control plane, unless `factCapacity` says otherwise. */
export const DEFAULT_FACT_CAPACITY = 1024;

/** What an engine needs. */
export interface PacketEngineOptions {
  /** Its ciphers are what every packet goes through. */
  readonly crypto: CryptoProvider;
  /** For the IVs of ciphers that need unpredictable ones. */
  readonly random: RandomSource;
  /** Most facts between two drains; default {@link DEFAULT_FACT_CAPACITY}. */
  readonly factCapacity?: number;
}

/** An engine without pairs. It does no I/O, knows no time, and allocates nothing for a packet that just passes.
 * @see RFC 4301 §5
 */
export function createPacketEngine(options: PacketEngineOptions): PacketEngine {
  return new BatchEngine(options);
}

class BatchEngine implements PacketEngine {
  readonly #crypto: CryptoProvider;
  readonly #random: RandomSource;
  readonly #state: EngineState;
  #activations = 0;

  constructor(options: PacketEngineOptions) {
    const { factCapacity = DEFAULT_FACT_CAPACITY } = options;
    if (!Number.isInteger(factCapacity) || factCapacity < 1) {
      throw new RangeError(`"factCapacity" expected at least 1, got ${factCapacity}`);
    }
    this.#crypto = options.crypto;
    this.#random = options.random;
    this.#state = createEngineState(factCapacity);
  }

  install(pair: SaPair): void {
    const { byId, bySpi, facts } = this.#state;
    const spi = pair.inbound.spi;
    if (byId.has(pair.id))
      throw new Error(`"pair.id" expected one that is not installed, got ${pair.id}`);
    if (bySpi.has(spi | 0)) {
      throw new Error(
        `"pair.inbound.spi" expected one that is not installed, got 0x${spi.toString(16)}`,
      );
    }
    const installed = createInstalledPair(pair, this.#crypto, this.#random);
    byId.set(installed.id, installed);
    bySpi.set(spi | 0, installed);
    facts.forgetUnknownSpi(spi);
    if (pair.outboundActive) this.#activate(installed);
  }

  activateOutbound(pairId: number): void {
    const pair = this.#require(pairId);
    if (!pair.isActive) this.#activate(pair);
  }

  movePeer(pairId: number, path: Path): void {
    const pair = this.#require(pairId);
    writePackedPath(pair.path, 0, path);
    pair.isElsewhere = false;
  }

  remove(pairId: number): void {
    const { byId, bySpi, policy } = this.#state;
    const pair = byId.get(pairId);
    if (!pair) return;
    byId.delete(pairId);
    bySpi.delete(pair.inboundSa.spi | 0);
    if (pair.isActive) policy.remove(pair);
  }

  outbound(batch: PacketBatch, toTun: PacketBatch): void {
    sealBatch(this.#state, batch, toTun);
  }

  inbound(batch: PacketBatch): void {
    openBatch(this.#state, batch);
  }

  drainFacts(): readonly Fact[] {
    return this.#state.facts.drain();
  }

  counters(): EngineCounters {
    const { inPackets, inBytes, outPackets, outBytes, drops } = this.#state;
    return { inPackets, inBytes, outPackets, outBytes, drops: { ...drops } };
  }

  pairCounters(pairId: number): SaPairCounters | undefined {
    const pair = this.#state.byId.get(pairId);
    if (!pair) return undefined;
    const { inboundSa, outboundSa } = pair;
    return {
      inPackets: inboundSa.packets,
      inBytes: inboundSa.bytes,
      outPackets: outboundSa.packets,
      outBytes: outboundSa.bytes,
      replayedPackets: inboundSa.replayedPackets,
    };
  }

  #activate(pair: InstalledPair): void {
    this.#activations += 1;
    pair.activation = this.#activations;
    pair.isActive = true;
    this.#state.policy.add(pair);
  }

  #require(pairId: number): InstalledPair {
    const pair = this.#state.byId.get(pairId);
    if (!pair) throw new Error(`"pairId" expected an installed pair, got ${pairId}`);
    return pair;
  }
}
