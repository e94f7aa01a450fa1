import { type EspDropReason, espDropReason } from './drop-reason.ts';
import type { InboundSa, OutboundSa } from './sa.ts';

/** Seals one inner packet into a new array, for those who send single packets; `seal` works in place.
 * @param inner - a whole IP packet; not changed.
 * @param nextHeader - 4 for IPv4, 41 for IPv6, 59 for a dummy packet.
 * @returns the ESP packet from SPI to ICV, or why there is none.
 */
export function sealPacket(
  sa: OutboundSa,
  inner: Uint8Array,
  nextHeader: number,
): Uint8Array | EspDropReason {
  const memory = new Uint8Array(sa.headroom + inner.length + sa.tailroom);
  memory.set(inner, sa.headroom);
  const length = sa.seal(memory, sa.headroom, inner.length, nextHeader);
  return length < 0 ? espDropReason(length) : memory.subarray(0, length);
}

/** Opens one ESP packet into a new array; `sa.lastNextHeader` says what is in it.
 * @param packet - from SPI to ICV; not changed.
 * @returns the inner packet, empty for a dummy, or why there is none; never throws on content.
 */
export function openPacket(sa: InboundSa, packet: Uint8Array): Uint8Array | EspDropReason {
  // Not by `slice`, which copies nothing where the packet is a Buffer.
  const memory = new Uint8Array(packet);
  const length = sa.open(memory, 0, memory.length);
  return length < 0 ? espDropReason(length) : memory.subarray(sa.headroom, sa.headroom + length);
}
