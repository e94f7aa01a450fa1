import { EspNextHeader } from '@ipsec-kit/esp';
import {
  buildIcmpEcho,
  claimSlot,
  commitPacket,
  copyPathWords,
  IpProtocol,
  type PacketBatch,
  type PacketFields,
  readUint16,
} from '@ipsec-kit/ip';
import { countEspDrop, type EngineState } from './engine-state.ts';
import type { InstalledPair } from './installed-pair.ts';
import type { PathProbe } from './path-probe.ts';

/** Code and type of an echo reply, as `PacketFields` has them. @see RFC 792, RFC 4443 §4.2 */
const ECHO_REPLY = { 4: 0, 6: 129 << 8 } as const;
/** How many lost probes may still be answered: a size, its control and those before them. */
const MOST_AWAITED = 16;
const nothing = new Uint8Array(0);

/** Appends a packet that holds nothing, and that the receiver discards; see `PacketEngine.sealDummy`. @see RFC 4303 §2.6 */
export function sealDummyPacket(
  state: EngineState,
  pair: InstalledPair,
  bytes: number,
  batch: PacketBatch,
): boolean {
  return sealOwn(state, pair, nothing, bytes, EspNextHeader['IPv6-NoNxt'], batch);
}

/** Appends a probe, and waits for its answer; see `PacketEngine.sealProbe`. */
export function sealPathProbe(
  state: EngineState,
  pair: InstalledPair,
  probe: PathProbe,
  batch: PacketBatch,
): boolean {
  // Without an inner header nothing would tell the receiver what is padding. RFC 4303 §2.7
  if (pair.transport) return false;
  const { source, destination, identifier, sequence } = probe;
  const request = { kind: 'request', source, destination, identifier, sequence } as const;
  const echo = buildIcmpEcho({ ...request, data: nothing });
  const nextHeader = source.version === 4 ? EspNextHeader.IPv4 : EspNextHeader.IPv6;
  if (!sealOwn(state, pair, echo, probe.bytes, nextHeader, batch)) return false;
  pair.probeIdentifier = identifier;
  pair.probesAwaited = Math.min(pair.probesAwaited + 1, MOST_AWAITED);
  return true;
}

/** Takes a packet from a pair that is the answer to its probe; the host has not asked for it. */
export function takeProbeAnswer(
  state: EngineState,
  pair: InstalledPair,
  memory: Uint8Array,
  fields: PacketFields,
): boolean {
  const { version, protocol, payloadOffset, payloadLength } = fields;
  if (protocol !== (version === 4 ? IpProtocol.ICMP : IpProtocol['IPv6-ICMP'])) return false;
  if (!fields.hasPorts || fields.sourcePort !== ECHO_REPLY[version] || payloadLength < 8) {
    return false;
  }
  if (readUint16(memory, payloadOffset + 4) !== pair.probeIdentifier) return false;
  // One answer to each probe, so that a peer cannot fill the queue.
  pair.probesAwaited -= 1;
  if (pair.probesAwaited === 0) pair.probeIdentifier = undefined;
  state.facts.tellProbeAnswered(pair.id, readUint16(memory, payloadOffset + 6));
  return true;
}

function sealOwn(
  state: EngineState,
  pair: InstalledPair,
  packet: Uint8Array,
  bytes: number,
  nextHeader: number,
  batch: PacketBatch,
): boolean {
  const sa = pair.outboundSa;
  const { memory, headroom, slotBytes } = batch;
  const padded = Math.max(bytes, packet.length);
  const fits = headroom >= sa.headroom && headroom + padded + sa.tailroom <= slotBytes;
  const at = fits ? claimSlot(batch) : -1;
  if (at < 0) {
    state.drops['no-room'] += 1;
    return false;
  }
  memory.set(packet, at);
  memory.fill(0, at + packet.length, at + padded);
  const length = sa.seal(memory, at, padded, nextHeader);
  if (length < 0) {
    countEspDrop(state, pair, length);
    return false;
  }
  copyPathWords(pair.pathWords, 0, batch.pathWords, batch.count);
  if (batch.trafficClasses) batch.trafficClasses[batch.count] = 0;
  commitPacket(batch, at - sa.headroom, length);
  return true;
}
