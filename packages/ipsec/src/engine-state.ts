import { espDropReason } from '@ipsec-kit/esp';
import { addressFromBytes, createPacketFields, type PacketFields } from '@ipsec-kit/ip';
import { createDropCounters, type DropReason } from './drop-counters.ts';
import { FactQueue } from './fact-queue.ts';
import type { InstalledPair } from './installed-pair.ts';
import { LastFlow } from './last-flow.ts';
import { OutboundPolicy } from './outbound-policy.ts';
import { OutboundTraps } from './outbound-traps.ts';
import type { HandOver, InstalledElsewhere } from './pair-elsewhere.ts';
import { SpiReservations } from './spi-reservations.ts';

/** What both directions of an engine share: databases, counters, facts, and one object for the packet at hand. */
export interface EngineState {
  /** The security association database: by inbound SPI as a signed number, which needs no allocation to look up. */
  readonly bySpi: Map<number, InstalledPair>;
  readonly byId: Map<number, InstalledPair>;
  readonly elsewhereById: Map<number, InstalledElsewhere>;
  readonly handOver: HandOver | undefined;
  readonly policy: OutboundPolicy;
  /** The pair whose selectors the last inner packet that came matched; they never change. */
  readonly lastInbound: LastFlow<InstalledPair>;
  readonly traps: OutboundTraps;
  readonly reservations: SpiReservations;
  readonly facts: FactQueue;
  readonly drops: Record<DropReason, number>;
  readonly fields: PacketFields;
  inPackets: number;
  inBytes: number;
  outPackets: number;
  outBytes: number;
  strangeEcnPackets: number;
}

/** An engine without pairs. */
export function createEngineState(factCapacity: number, handOver?: HandOver): EngineState {
  return {
    bySpi: new Map(),
    byId: new Map(),
    elsewhereById: new Map(),
    handOver,
    policy: new OutboundPolicy(),
    lastInbound: new LastFlow(),
    traps: new OutboundTraps(),
    reservations: new SpiReservations(),
    facts: new FactQueue(factCapacity),
    drops: createDropCounters(),
    fields: createPacketFields(),
    inPackets: 0,
    inBytes: 0,
    outPackets: 0,
    outBytes: 0,
    strangeEcnPackets: 0,
  };
}

/** Counts what an SA refused, and tells once when it has reached its end. */
export function countEspDrop(state: EngineState, pair: InstalledPair, code: number): void {
  const reason = espDropReason(code);
  state.drops[reason] += 1;
  if (reason !== 'sequence-exhausted' && reason !== 'lifetime-over') return;
  pair.hardLimitReached = true;
  noteHardLimit(state, pair);
}

/** Tells once that an authentic packet came on a pair. */
export function noteFirstInbound(state: EngineState, pair: InstalledPair): void {
  if (pair.firstInboundReported || pair.inboundSa.packets === 0) return;
  pair.firstInboundReported = state.facts.tell('first-inbound', pair.id);
}

/** Tells once that an SA of a pair has refused a packet because it has reached its end. */
export function noteHardLimit(state: EngineState, pair: InstalledPair): void {
  if (pair.hardLimitReported || !pair.hardLimitReached) return;
  pair.hardLimitReported = state.facts.tell('hard-limit', pair.id);
}

/** Tells where a peer was seen last, when that is not where packets go. */
export function notePeerMoved(state: EngineState, pair: InstalledPair): void {
  if (pair.moveReported || !pair.isElsewhere) return;
  const { id, reportedPath, untoldBytes } = pair;
  pair.moveReported = state.facts.tellPeerMoved(id, reportedPath, 0, untoldBytes);
  if (!pair.moveReported) return;
  pair.toldBytes += untoldBytes;
  pair.untoldBytes = 0;
}

/** Tells whom the packet at hand comes from, once for each time that this was asked for. */
export function noteSource(state: EngineState, pair: InstalledPair, memory: Uint8Array): void {
  const { version, sourceOffset } = state.fields;
  const address = addressFromBytes(
    memory.slice(sourceOffset, sourceOffset + (version === 4 ? 4 : 16)),
  );
  pair.wantsSource = !state.facts.tellSource(pair.id, address);
}

/** Tells once that either SA of a pair wants to be replaced. */
export function noteSoftLimit(state: EngineState, pair: InstalledPair): void {
  if (pair.softLimitReported) return;
  if (pair.outboundSa.softLimitReached || pair.inboundSa.softLimitReached) {
    pair.softLimitReported = state.facts.tell('soft-limit', pair.id);
  }
}
