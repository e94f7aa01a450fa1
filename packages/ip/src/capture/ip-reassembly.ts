import { readUint16, readUint32 } from '../byte-order.ts';
import type { PacketFields } from '../packet-fields.ts';

/** Most datagrams that wait for fragments at once; the oldest gives way. */
const MAX_WAITING = 64;
/** Most bytes of one datagram, without IP header. */
const MAX_DATAGRAM_BYTES = 65535;
/** Most fragments of one datagram; more are ignored, and the datagram never becomes whole. */
const MAX_FRAGMENTS = 128;

interface Waiting {
  readonly pieces: { readonly offset: number; readonly data: Uint8Array }[];
  /** Known once the last fragment came. */
  totalBytes: number | undefined;
}

/** Puts IP fragments of a capture together; bounded, and deaf to overlaps. @see RFC 791 §3.2, RFC 8200 §4.5, RFC 5722 */
export class IpReassembly {
  readonly #waiting = new Map<string, Waiting>();

  /** Takes one fragment.
   * @param packet - the IP packet that `fields` describe.
   * @returns the payload of the whole datagram when this was the last missing piece.
   */
  add(packet: Uint8Array, fields: PacketFields): Uint8Array | undefined {
    const { fragmentOffset, payloadOffset, payloadLength } = fields;
    if (fragmentOffset + payloadLength > MAX_DATAGRAM_BYTES) return undefined;
    const key = keyOf(packet, fields);
    const waiting = this.#waiting.get(key) ?? this.#begin(key);
    const data = packet.subarray(payloadOffset, payloadOffset + payloadLength);
    const overlaps = waiting.pieces.some(
      (piece) =>
        fragmentOffset < piece.offset + piece.data.length &&
        piece.offset < fragmentOffset + data.length,
    );
    const isFull = waiting.pieces.length >= MAX_FRAGMENTS;
    if (data.length === 0 || overlaps || isFull) return undefined;
    waiting.pieces.push({ offset: fragmentOffset, data });
    if (!fields.moreFragments) waiting.totalBytes = fragmentOffset + data.length;
    const whole = assemble(waiting);
    if (whole) this.#waiting.delete(key);
    return whole;
  }

  #begin(key: string): Waiting {
    const [oldest] = this.#waiting.keys();
    if (oldest !== undefined && this.#waiting.size >= MAX_WAITING) this.#waiting.delete(oldest);
    const waiting: Waiting = { pieces: [], totalBytes: undefined };
    this.#waiting.set(key, waiting);
    return waiting;
  }
}

/** Pieces do not overlap, so that the datagram is whole when their sizes add up. */
function assemble(waiting: Waiting): Uint8Array | undefined {
  const { pieces, totalBytes } = waiting;
  const bytes = pieces.reduce((sum, piece) => sum + piece.data.length, 0);
  if (totalBytes === undefined || bytes !== totalBytes) return undefined;
  if (pieces.some((piece) => piece.offset + piece.data.length > totalBytes)) return undefined;
  const whole = new Uint8Array(totalBytes);
  for (const { offset, data } of pieces) whole.set(data, offset);
  return whole;
}

/** Addresses, protocol and identification. The IPv6 one lies in the fragment header, right before the payload. */
function keyOf(packet: Uint8Array, fields: PacketFields): string {
  const { version, sourceOffset, payloadOffset, protocol } = fields;
  const addresses = packet.subarray(sourceOffset, sourceOffset + (version === 4 ? 8 : 32));
  const identification =
    version === 4 ? readUint16(packet, 4) : readUint32(packet, payloadOffset - 4);
  return `${addresses.join('.')}/${protocol}/${identification}`;
}
