import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import {
  type PacketBatch,
  type Path,
  pathsEqual,
  readPackedPath,
  writePackedPath,
} from '@ipsec-kit/ip';
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
import {
  createInstalledPair,
  type InstalledPair,
  requireInnerMtu,
  requireSelectors,
} from './installed-pair.ts';
import { sealBatch, takeReady } from './outbound-batch.ts';
import { sealDummyPacket, sealPathProbe } from './own-packets.ts';
import type { HandOver, InstalledElsewhere, PairElsewhere } from './pair-elsewhere.ts';
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
  /** Where several engines share the packets of a tunnel: takes those that belong to another. */
  readonly handOver?: HandOver;
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
    this.#state = createEngineState(factCapacity, options.handOver);
  }

  install(pair: SaPair): void {
    const { byId, bySpi, facts, reservations } = this.#state;
    const spi = pair.inbound.spi;
    this.#requireFree(pair.id);
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

  installElsewhere({ id, owner, localSelectors, remoteSelectors, ...pair }: PairElsewhere): void {
    if (!this.#state.handOver) throw new Error('"handOver" expected a function, got none');
    requireSelectors('localSelectors', localSelectors);
    requireSelectors('remoteSelectors', remoteSelectors);
    this.#requireFree(id);
    const selectors = {
      localSelectors: [...localSelectors],
      remoteSelectors: [...remoteSelectors],
    };
    const installed = { id, owner, ...selectors, isActive: false, activation: 0 };
    this.#state.elsewhereById.set(id, installed);
    if (pair.outboundActive) this.#activate(installed);
  }

  activateOutbound(pairId: number): void {
    const pair = this.#state.elsewhereById.get(pairId) ?? this.#require(pairId);
    if (!pair.isActive) this.#activate(pair);
  }

  deactivateOutbound(pairId: number): void {
    const pair = this.#state.elsewhereById.get(pairId) ?? this.#require(pairId);
    if (!pair.isActive) return;
    pair.isActive = false;
    this.#state.policy.remove(pair);
  }

  movePeer(pairId: number, path: Path): void {
    const pair = this.#require(pairId);
    // What was told of it holds, and is taken back when it does no more.
    if (pathsEqual(readPackedPath(pair.path, 0), path)) return;
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
    const { byId, bySpi, elsewhereById, policy, lastInbound, reservations, drops } = this.#state;
    const elsewhere = elsewhereById.get(pairId);
    if (elsewhere?.isActive) policy.remove(elsewhere);
    elsewhereById.delete(pairId);
    const pair = byId.get(pairId);
    if (!pair) return;
    byId.delete(pairId);
    bySpi.delete(pair.inboundSa.spi | 0);
    if (pair.isActive) policy.remove(pair);
    lastInbound.forget();
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

  #activate(pair: InstalledPair | InstalledElsewhere): void {
    const { policy } = this.#state;
    this.#activations += 1;
    pair.activation = this.#activations;
    pair.isActive = true;
    if ('owner' in pair) policy.addElsewhere(pair);
    else policy.addPair(pair);
    satisfyTraps(this.#state, pair);
  }

  /** Tells what is true of a pair and has not been told for want of room. */
  #repeatFacts(pair: InstalledPair): void {
    noteFirstInbound(this.#state, pair);
    noteSoftLimit(this.#state, pair);
    noteHardLimit(this.#state, pair);
    notePeerMoved(this.#state, pair);
  }

  #requireFree(pairId: number): void {
    const { byId, elsewhereById } = this.#state;
    if (!byId.has(pairId) && !elsewhereById.has(pairId)) return;
    throw new Error(`"pair.id" expected one that is not installed, got ${pairId}`);
  }

  #require(pairId: number): InstalledPair {
    const pair = this.#state.byId.get(pairId);
    if (!pair) throw new Error(`"pairId" expected an installed pair, got ${pairId}`);
    return pair;
  }
}
