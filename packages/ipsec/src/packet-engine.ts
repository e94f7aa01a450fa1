import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import { type PacketBatch, type Path, writePackedPath } from '@ipsec-kit/ip';
import { noteAcquire, satisfyTraps } from './acquire.ts';
import type { EngineCounters, Fact, PacketEngine, SaPairCounters } from './engine.ts';
import {
  createEngineState,
  type EngineState,
  noteFirstInbound,
  noteHardLimit,
  notePeerMoved,
  noteSoftLimit,
} from './engine-state.ts';
import { openBatch, replayHeld } from './inbound-batch.ts';
import { createInstalledPair, type InstalledPair, requireInnerMtu } from './installed-pair.ts';
import { sealBatch, takeReady } from './outbound-batch.ts';
import { sealDummyPacket, sealPathProbe } from './own-packets.ts';
import type { PathProbe } from './path-probe.ts';
import type { SaPair } from './sa-pair.ts';
import type { Trap } from './trap.ts';

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
    const { byId, bySpi, facts, reservations } = this.#state;
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
    reservations.settle(installed);
    if (pair.outboundActive) this.#activate(installed);
  }

  activateOutbound(pairId: number): void {
    const pair = this.#require(pairId);
    if (!pair.isActive) this.#activate(pair);
  }

  deactivateOutbound(pairId: number): void {
    const pair = this.#require(pairId);
    if (!pair.isActive) return;
    pair.isActive = false;
    this.#state.policy.remove(pair);
  }

  movePeer(pairId: number, path: Path): void {
    const pair = this.#require(pairId);
    writePackedPath(pair.path, 0, path);
    pair.isElsewhere = false;
    pair.moveReported = true;
  }

  changeInnerMtu(pairId: number, innerMtu: number): void {
    requireInnerMtu(innerMtu);
    const pair = this.#require(pairId);
    pair.innerMtu = innerMtu;
    pair.tcpMtu = innerMtu;
  }

  askForSource(pairId: number): void {
    const pair = this.#state.byId.get(pairId);
    if (pair) pair.wantsSource = true;
  }

  sealDummy(pairId: number, bytes: number, batch: PacketBatch): boolean {
    const pair = this.#state.byId.get(pairId);
    return pair !== undefined && sealDummyPacket(this.#state, pair, bytes, batch);
  }

  sealProbe(pairId: number, probe: PathProbe, batch: PacketBatch): boolean {
    const pair = this.#state.byId.get(pairId);
    return pair !== undefined && sealPathProbe(this.#state, pair, probe, batch);
  }

  remove(pairId: number): void {
    const { byId, bySpi, policy, reservations, drops } = this.#state;
    const pair = byId.get(pairId);
    if (!pair) return;
    byId.delete(pairId);
    bySpi.delete(pair.inboundSa.spi | 0);
    if (pair.isActive) policy.remove(pair);
    drops['held-discarded'] += reservations.endReplay(pair);
    pair.inboundSa.close();
    pair.outboundSa.close();
  }

  reserveSpi(spi: number): void {
    const { bySpi, facts, reservations } = this.#state;
    if (!Number.isInteger(spi) || spi < 1 || spi > 0xffffffff || bySpi.has(spi | 0)) {
      throw new RangeError(
        `"spi" expected 1 to 4294967295 and one that is not installed, got ${spi}`,
      );
    }
    reservations.reserve(spi);
    facts.forgetUnknownSpi(spi);
  }

  releaseSpi(spi: number): void {
    const { reservations, drops } = this.#state;
    drops['held-discarded'] += reservations.release(spi);
  }

  takeReleased(batch: PacketBatch): number {
    return replayHeld(this.#state, batch);
  }

  installTrap(trap: Trap): void {
    const { traps, policy } = this.#state;
    policy.addTrap(traps.install(trap));
  }

  removeTrap(trapId: number): void {
    const { traps, policy } = this.#state;
    const trap = traps.byId.get(trapId);
    if (!trap) return;
    this.rearmTrap(trapId);
    traps.byId.delete(trapId);
    policy.remove(trap);
  }

  rearmTrap(trapId: number): void {
    const { traps, drops } = this.#state;
    const trap = traps.byId.get(trapId);
    if (trap) drops['held-discarded'] += traps.rearm(trap);
  }

  takeHeld(batch: PacketBatch): number {
    return takeReady(this.#state, batch);
  }

  outbound(batch: PacketBatch, toTun: PacketBatch): void {
    sealBatch(this.#state, batch, toTun);
  }

  inbound(batch: PacketBatch): void {
    openBatch(this.#state, batch);
  }

  drainFacts(): readonly Fact[] {
    const { facts, byId, traps } = this.#state;
    const mustRepeat = facts.hasRefused;
    const drained = facts.drain();
    if (mustRepeat) {
      for (const pair of byId.values()) this.#repeatFacts(pair);
      for (const trap of traps.byId.values()) noteAcquire(this.#state, trap);
    }
    return drained;
  }

  counters(): EngineCounters {
    const { inPackets, inBytes, outPackets, outBytes, strangeEcnPackets } = this.#state;
    const { drops, traps, reservations } = this.#state;
    const heldPackets = traps.total.packets + reservations.total.packets;
    const heldBytes = traps.total.bytes + reservations.total.bytes;
    return {
      inPackets,
      inBytes,
      outPackets,
      outBytes,
      strangeEcnPackets,
      heldPackets,
      heldBytes,
      drops: { ...drops },
    };
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
    this.#state.policy.addPair(pair);
    satisfyTraps(this.#state, pair);
  }

  /** Tells what is true of a pair and has not been told for want of room. */
  #repeatFacts(pair: InstalledPair): void {
    noteFirstInbound(this.#state, pair);
    noteSoftLimit(this.#state, pair);
    noteHardLimit(this.#state, pair);
    notePeerMoved(this.#state, pair);
  }

  #require(pairId: number): InstalledPair {
    const pair = this.#state.byId.get(pairId);
    if (!pair) throw new Error(`"pairId" expected an installed pair, got ${pairId}`);
    return pair;
  }
}
