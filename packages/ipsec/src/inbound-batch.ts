import { ESP_HEADER_BYTES, EspNextHeader } from '@ipsec-kit/esp';
import {
  anySelectorMatchesPacket,
  clampTcpMssOfFields,
  copyPathWords,
  type PacketBatch,
  packedLocalIsKnown,
  packedRemotesEqual,
  packetVersion,
  pathWordsEqual,
  readPacketFields,
  readTrafficClass,
  readUint32,
  writeTrafficClass,
} from '@ipsec-kit/ip';
import {
  countEspDrop,
  type EngineState,
  noteFirstInbound,
  notePeerMoved,
  noteSoftLimit,
  noteSource,
} from './engine-state.ts';
import { fillBatch } from './fill-batch.ts';
import type { InstalledPair } from './installed-pair.ts';
import { isStrangeEcn, passOnCongestion } from './outer-traffic-class.ts';
import { takeProbeAnswer } from './own-packets.ts';
import { holdDatagram } from './spi-reservations.ts';
import { correctChecksum } from './transport-checksum.ts';
import { restoreIpHeader, transportRefusal } from './transport-mode.ts';

/** Opens the ESP packets of `batch` in place and compacts it; see `PacketEngine.inbound`. @see RFC 4301 §5.2 */
export function openBatch(state: EngineState, batch: PacketBatch): void {
  openPackets(state, batch, undefined);
}

/** Opens what was held for reserved SPIs whose SAs stand by now, as if it came in this moment; see
 * `PacketEngine.takeReleased`. @returns the inner packets in `batch`; 0 when nothing is held any more.
 */
export function replayHeld(state: EngineState, batch: PacketBatch): number {
  const { reservations, drops } = state;
  batch.count = 0;
  for (let pair = reservations.nextReplay; pair; pair = reservations.nextReplay) {
    if (pair.held) drops['no-room'] += fillBatch(pair.held, batch, batch.capacity);
    if (pair.held?.count === 0) reservations.endReplay(pair);
    openPackets(state, batch, pair);
    if (batch.count > 0) break;
  }
  return batch.count;
}

/** @param replayed - the pair whose held packets these are. */
function openPackets(
  state: EngineState,
  batch: PacketBatch,
  replayed: InstalledPair | undefined,
): void {
  const { memory, offsets, lengths, trafficClasses } = batch;
  let kept = 0;
  for (let i = 0; i < batch.count; i += 1) {
    const offset = offsets[i] ?? 0;
    const pair = replayed ?? findPair(state, batch, i);
    if (!pair) continue;
    const opened = pair.inboundSa.open(memory, offset, lengths[i] ?? 0);
    if (opened < 0) {
      countEspDrop(state, pair, opened);
      continue;
    }
    noteInbound(state, pair, batch, i, lengths[i] ?? 0);
    const inner = findInner(state, pair, batch, offset + pair.inboundSa.headroom, opened);
    if (inner < 0) continue;
    const innerBytes = opened + (pair.transport?.template.length ?? 0);
    const outerClass = trafficClasses?.[i] ?? 0;
    const length = acceptInner(state, pair, memory, inner, innerBytes, outerClass);
    if (length === 0) continue;
    offsets[kept] = inner;
    lengths[kept] = length;
    kept += 1;
  }
  batch.count = kept;
}

function findPair(
  state: EngineState,
  batch: PacketBatch,
  index: number,
): InstalledPair | undefined {
  if ((batch.lengths[index] ?? 0) < ESP_HEADER_BYTES) {
    state.drops.malformed += 1;
    return undefined;
  }
  const spi = readUint32(batch.memory, batch.offsets[index] ?? 0);
  const pair = state.bySpi.get(spi | 0);
  // Not to be overtaken: the replay window may have moved past what is still held.
  const queue = pair ? pair.held : state.reservations.queueOf(spi);
  if (queue) {
    if (!holdDatagram(queue, batch, index)) state.drops['held-queue-full'] += 1;
    return undefined;
  }
  if (!pair) {
    state.drops['unknown-spi'] += 1;
    state.facts.tellUnknownSpi(spi, batch.paths, index);
  }
  return pair;
}

/** What an authentic packet proves about its peer, whatever is inside. */
function noteInbound(
  state: EngineState,
  pair: InstalledPair,
  batch: PacketBatch,
  index: number,
  bytes: number,
): void {
  const { pathWords } = batch;
  noteFirstInbound(state, pair);
  noteSoftLimit(state, pair);
  if (isOnPath(pair, batch, index)) {
    // Only a newer packet from the known path takes back a move: an old one may have been on its way.
    if (pair.inboundSa.lastWasNewest && pair.isElsewhere) {
      pair.isElsewhere = false;
      // Whoever waits for a while before it follows is not to go there any more.
      state.facts.tellPeerMoved(pair.id, pair.path, 0, bytes);
    }
    return;
  }
  // RFC 7296 §2.23: only the newest packet says where the peer is; a replayed or delayed copy must not.
  if (!pair.inboundSa.lastWasNewest) return;
  if (pair.isElsewhere && pathWordsEqual(pathWords, index, pair.reportedWords, 0)) {
    pair.untoldBytes += bytes;
    // Ever less often: who decides may wait for more bytes than the first packet had.
    if (pair.untoldBytes < pair.toldBytes) return;
  } else {
    copyPathWords(pathWords, index, pair.reportedWords, 0);
    pair.toldBytes = 0;
    pair.untoldBytes = bytes;
  }
  pair.isElsewhere = true;
  pair.moveReported = false;
  notePeerMoved(state, pair);
}

/** An adapter that cannot tell the local address leaves it unspecified; then the remote end decides. */
function isOnPath(pair: InstalledPair, { paths, pathWords }: PacketBatch, index: number): boolean {
  // Nearly every packet is on it, whatever is known.
  if (pathWordsEqual(pathWords, index, pair.pathWords, 0)) return true;
  const known = pair.path;
  if (packedLocalIsKnown(paths, index) && packedLocalIsKnown(known, 0)) return false;
  return packedRemotesEqual(paths, index, known, 0);
}

/** Looks at what kind of packet came out of an SA, and puts the IP header back in transport mode.
 * @returns where it begins, or -1 when it was dropped or a dummy.
 */
function findInner(
  state: EngineState,
  pair: InstalledPair,
  batch: PacketBatch,
  at: number,
  length: number,
): number {
  const { drops } = state;
  const nextHeader = pair.inboundSa.lastNextHeader;
  if (nextHeader === EspNextHeader['IPv6-NoNxt']) {
    drops.dummy += 1;
    return -1;
  }
  if (!pair.transport) {
    const version = length === 0 ? 0 : packetVersion(batch.memory, at);
    const expected = version === 4 ? EspNextHeader.IPv4 : EspNextHeader.IPv6;
    if ((version === 4 || version === 6) && nextHeader === expected) return at;
    drops['bad-next-header'] += 1;
    return -1;
  }
  const inner = restoreIpHeader(pair.transport, batch, at, length, nextHeader);
  if (inner < 0) drops['no-room'] += 1;
  return inner;
}

/** Checks what came out of an SA against its selectors.
 * @returns the length of the inner packet, or 0 when it was dropped.
 */
function acceptInner(
  state: EngineState,
  pair: InstalledPair,
  memory: Uint8Array,
  inner: number,
  length: number,
  outerClass: number,
): number {
  const { fields, drops } = state;
  if (!readPacketFields(memory, inner, length, fields)) {
    drops['malformed-inner'] += 1;
    return 0;
  }
  const refusal = pair.transport ? transportRefusal(memory, inner, fields) : undefined;
  if (refusal) {
    drops[refusal] += 1;
    return 0;
  }
  if (!matchesSelectors(state, pair, memory)) {
    drops['selector-mismatch'] += 1;
    return 0;
  }
  if (pair.probeIdentifier !== undefined && takeProbeAnswer(state, pair, memory, fields)) return 0;
  if (pair.wantsSource) noteSource(state, pair, memory);
  if (!takeOuterClass(state, pair, memory, inner, outerClass)) {
    drops['ce-on-not-ect'] += 1;
    return 0;
  }
  const correction = pair.transport?.correction ?? 0;
  if (correction !== 0) correctChecksum(memory, fields, correction);
  clampTcpMssOfFields(memory, fields, pair.tcpMtu);
  state.inPackets += 1;
  state.inBytes += fields.totalLength;
  // Bytes behind the IP packet are padding for traffic flow confidentiality. RFC 4303 §2.7
  return fields.totalLength;
}

/** Whether the packet at hand is one that the selectors of a pair let through. @see RFC 4301 §5.2 */
function matchesSelectors(state: EngineState, pair: InstalledPair, memory: Uint8Array): boolean {
  const { fields, lastInbound } = state;
  if (lastInbound.decisionFor(memory, fields) === pair) return true;
  const isMatch =
    anySelectorMatchesPacket(pair.remoteSelectors, memory, fields, 'source') &&
    anySelectorMatchesPacket(pair.localSelectors, memory, fields, 'destination');
  if (isMatch) lastInbound.keep(memory, fields, pair);
  return isMatch;
}

/** What the outer header says about congestion; in transport mode it is the header of the packet, DSCP and all.
 * @returns false when the packet is to be dropped. @see RFC 6040 §4.2, RFC 4301 §5.1.2
 */
function takeOuterClass(
  state: EngineState,
  pair: InstalledPair,
  memory: Uint8Array,
  inner: number,
  outerClass: number,
): boolean {
  const { fields } = state;
  if (pair.transport) {
    writeTrafficClass(memory, inner, fields.version, outerClass);
    return true;
  }
  const innerClass = readTrafficClass(memory, inner, fields.version);
  if (isStrangeEcn(innerClass, outerClass)) state.strangeEcnPackets += 1;
  return passOnCongestion(memory, inner, fields, innerClass, outerClass);
}
