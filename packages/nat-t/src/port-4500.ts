/** Zero bytes in front of an IKE message on port 4500, where an ESP packet has its SPI. @see RFC 3948 §2.2 */
export const NON_ESP_MARKER_BYTES = 4;

/** The only byte of a NAT-keepalive. @see RFC 3948 §2.3 */
export const NAT_KEEPALIVE_BYTE = 0xff;

/** The fixed header of an IKE message. @see RFC 7296 §3.1 */
const IKE_HEADER_BYTES = 28;

/** SPI and sequence number: what every ESP packet begins with. @see RFC 4303 §2 */
const ESP_HEADER_BYTES = 8;

/** What a datagram on port 4500 is. `ike` begins behind the marker; `keepalive` is to be ignored, and is no sign of life. */
export type DatagramKind = 'ike' | 'esp' | 'keepalive' | 'malformed';

/** Tells IKE, ESP and NAT-keepalives apart on port 4500, by the first bytes and the length alone; allocates nothing.
 * @param memory - holds the payload of the UDP datagram from `offset` on, `length` bytes; both lie within it.
 * @returns `malformed` for what is too short for any of them.
 * @see RFC 3948 §2.1, §2.2, §2.3; RFC 7296 §2.23
 */
export function classifyDatagram(memory: Uint8Array, offset: number, length: number): DatagramKind {
  if (length === 1 && memory[offset] === NAT_KEEPALIVE_BYTE) return 'keepalive';
  if (length < ESP_HEADER_BYTES) return 'malformed';
  const isMarked =
    memory[offset] === 0 &&
    memory[offset + 1] === 0 &&
    memory[offset + 2] === 0 &&
    memory[offset + 3] === 0;
  // RFC 3948 §2.1: the SPI of an ESP packet MUST NOT be zero, so four zeros are always the marker.
  if (!isMarked) return 'esp';
  return length < NON_ESP_MARKER_BYTES + IKE_HEADER_BYTES ? 'malformed' : 'ike';
}

/** An IKE message as it travels on port 4500: a copy with the non-ESP marker in front. @see RFC 3948 §2.2 */
export function prependMarker(message: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(NON_ESP_MARKER_BYTES + message.length);
  datagram.set(message, NON_ESP_MARKER_BYTES);
  return datagram;
}

/** Writes the non-ESP marker into memory of the caller, whose IKE message begins right behind it.
 * @returns where the message begins: `offset + 4`.
 */
export function writeMarker(memory: Uint8Array, offset: number): number {
  memory.fill(0, offset, offset + NON_ESP_MARKER_BYTES);
  return offset + NON_ESP_MARKER_BYTES;
}

/** A NAT-keepalive datagram: a single 0xFF, without marker. @see RFC 3948 §2.3 */
export function natKeepalive(): Uint8Array {
  return Uint8Array.of(NAT_KEEPALIVE_BYTE);
}
