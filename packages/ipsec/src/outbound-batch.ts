import { EspNextHeader } from '@ipsec-kit/esp';
import {
  claimSlot,
  clampTcpMssOfFields,
  commitPacket,
  copyPathWords,
  fragmentIpv4,
  PACKET_TOO_BIG_BYTES,
  type PacketBatch,
  readPacketFields,
  writePacketTooBig,
} from '@ipsec-kit/ip';
import { catchPacket } from './acquire.ts';
import { countEspDrop, type EngineState, noteSoftLimit } from './engine-state.ts';
import { fillBatch } from './fill-batch.ts';
import type { InstalledPair } from './installed-pair.ts';
import { outerTrafficClass } from './outer-traffic-class.ts';
import { tfcPaddedLength } from './tfc-padding.ts';
import { nextHeaderBehind, transportRefusal } from './transport-mode.ts';

/** Most ICMP errors that one batch causes. @see RFC 4443 §2.4 (f) (errors must be limited) */
const MAX_ERRORS_PER_BATCH = 16;

/** No IPv6 link may carry less, and hosts ignore a packet too big that says so. @see RFC 8200 §5, RFC 8201 §4 */
const MIN_IPV6_MTU = 1280;

/** Seals the inner packets of `batch` in place and compacts it; see `PacketEngine.outbound`. @see RFC 4301 §5.1 */
export function sealBatch(state: EngineState, batch: PacketBatch, toTun: PacketBatch): void {
  const { memory, offsets, lengths, trafficClasses } = batch;
  const mostErrors = toTun.count + MAX_ERRORS_PER_BATCH;
  let kept = 0;
  // Fragments are appended while the loop runs, and sealed when it comes to them.
  for (let i = 0; i < batch.count; i += 1) {
    const offset = offsets[i] ?? 0;
    const pair = choosePair(state, batch, i);
    if (!pair) continue;
    const length = fitPacket(state, pair, batch, i, toTun, mostErrors);
    if (length === 0) continue;
    const copyDscp = pair.copyDscp || pair.transport !== undefined;
    const trafficClass = outerTrafficClass(memory, offset, state.fields.version, copyDscp);
    const espLength = sealPacketAt(state, pair, batch, offset, length);
    if (espLength === 0) continue;
    offsets[kept] = offset + headerBytesOff(pair) - pair.outboundSa.headroom;
    lengths[kept] = espLength;
    copyPathWords(pair.pathWords, 0, batch.pathWords, kept);
    if (trafficClasses) trafficClasses[kept] = trafficClass;
    kept += 1;
  }
  batch.count = kept;
}

/** Moves inner packets that traps held and a pair takes by now into `batch`; see `PacketEngine.takeHeld`. */
export function takeReady(state: EngineState, batch: PacketBatch): number {
  const { ready } = state.traps;
  batch.count = 0;
  const most = Math.max(batch.capacity >> 1, 1);
  while (ready.count > 0 && batch.count === 0) {
    state.drops['no-room'] += fillBatch(ready, batch, most);
  }
  return batch.count;
}

/** The pair that takes the packet, with its fields left in `state.fields`; without one the packet is held, handed over or its
 * drop counted.
 */
function choosePair(
  state: EngineState,
  batch: PacketBatch,
  index: number,
): InstalledPair | undefined {
  const { fields, policy, drops } = state;
  const { memory } = batch;
  const offset = batch.offsets[index] ?? 0;
  if (!readPacketFields(memory, offset, batch.lengths[index] ?? 0, fields)) {
    drops['malformed-inner'] += 1;
    return undefined;
  }
  const entry = policy.lookup(memory, fields);
  if (!entry) drops[policy.lastWasRefused ? 'no-policy' : 'no-sa'] += 1;
  else if (entry.trap) catchPacket(state, entry.trap, memory, offset);
  else if (entry.elsewhere) state.handOver?.(entry.elsewhere.owner, batch, index);
  return entry?.pair;
}

/** Brings a packet down to what the tunnel carries.
 * @returns its length, or 0 when it was dropped.
 */
function fitPacket(
  state: EngineState,
  pair: InstalledPair,
  batch: PacketBatch,
  index: number,
  toTun: PacketBatch,
  mostErrors: number,
): number {
  const { fields } = state;
  const refusal = pair.transport
    ? transportRefusal(batch.memory, batch.offsets[index] ?? 0, fields)
    : undefined;
  if (refusal) {
    state.drops[refusal] += 1;
    return 0;
  }
  // Up to the smallest MTU of IPv6 the outer packet has to be fragmented instead. RFC 4301 §8.2.1, RFC 2473 §7.1
  const mtu = fields.version === 6 ? Math.max(pair.innerMtu, MIN_IPV6_MTU) : pair.innerMtu;
  if (fields.totalLength <= mtu) {
    clampTcpMssOfFields(batch.memory, fields, pair.tcpMtu);
    return fields.totalLength;
  }
  if (fields.dontFragment) {
    state.drops['too-big'] += 1;
    if (toTun.count < mostErrors) appendPacketTooBig(state, batch, index, mtu, toTun);
    return 0;
  }
  // Later fragments show no ports, so that the peer would drop them: such packets go whole. RFC 4301 §7
  // ESP in transport mode takes whole datagrams, the outer one is fragmented on its way. RFC 4303 §3.3.4
  if (pair.selectsPorts || pair.transport) return fields.totalLength;
  if (fragmentIpv4(batch, index, mtu) === 0) {
    state.drops['no-room'] += 1;
    return 0;
  }
  return batch.lengths[index] ?? 0;
}

function appendPacketTooBig(
  state: EngineState,
  batch: PacketBatch,
  index: number,
  mtu: number,
  toTun: PacketBatch,
): void {
  const slot = toTun.slotBytes - toTun.headroom < PACKET_TOO_BIG_BYTES ? -1 : claimSlot(toTun);
  if (slot < 0) return;
  const at = batch.offsets[index] ?? 0;
  const bytes = writePacketTooBig(batch.memory, at, state.fields, mtu, toTun.memory, slot);
  if (bytes > 0) commitPacket(toTun, slot, bytes);
}

/** @returns the length of the ESP packet, or 0 when the packet was dropped. */
function sealPacketAt(
  state: EngineState,
  pair: InstalledPair,
  batch: PacketBatch,
  offset: number,
  length: number,
): number {
  const sa = pair.outboundSa;
  const { memory, slotBytes } = batch;
  const off = headerBytesOff(pair);
  const inSlot = (offset % slotBytes) + off;
  const padded = pair.tfcPadding ? tfcPaddedLength(pair.tfcPadding, length, pair.innerMtu) : length;
  if (inSlot < sa.headroom || inSlot + padded - off + sa.tailroom > slotBytes) {
    state.drops['no-room'] += 1;
    return 0;
  }
  // What lay there before is nobody's business. RFC 4303 §2.7 leaves the value of the padding open.
  if (padded > length) memory.fill(0, offset + length, offset + padded);
  const { version } = state.fields;
  const inTunnel = version === 4 ? EspNextHeader.IPv4 : EspNextHeader.IPv6;
  const nextHeader = pair.transport ? nextHeaderBehind(memory, offset, version) : inTunnel;
  const espLength = sa.seal(memory, offset + off, padded - off, nextHeader);
  if (espLength < 0) {
    countEspDrop(state, pair, espLength);
    return 0;
  }
  state.outPackets += 1;
  state.outBytes += length;
  noteSoftLimit(state, pair);
  return espLength;
}

/** Bytes of IP header that are not sent. @see RFC 4303 §3.1.1 */
function headerBytesOff({ transport }: InstalledPair): number {
  return transport ? transport.template.length : 0;
}
