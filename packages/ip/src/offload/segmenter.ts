import { readUint16, readUint32, writeUint16, writeUint32 } from '../byte-order.ts';
import { foldSum, rangeSum, type SummedMemory } from './summed-memory.ts';

/** The longest headers, IP with its extensions and TCP or UDP together, that are repeated in front of each segment. */
export const MOST_HEADER_BYTES = 512;

const TCP_FIN = 0x01;
const TCP_PSH = 0x08;
const TCP_CWR = 0x80;
const UDP_HEADER_BYTES = 8;

/** A packet that is larger than its segments, as hosts hand it to a device that can segment. */
export interface LargePacket {
  /** Where the IP header begins; a multiple of 4. */
  readonly offset: number;
  /** The whole packet, by the device. */
  readonly length: number;
  /** From the IP header to the TCP or UDP header. */
  readonly transportOffset: number;
  /** Bytes of TCP or UDP payload in each segment but the last. */
  readonly segmentBytes: number;
  readonly protocol: 'tcp' | 'udp';
}

/** Splits a large TCP or UDP packet into the packets that go on the wire, one at a time, the way the kernel would.
 * One is reused for packet after packet. The checksum field of the large packet holds the sum of its pseudo-header.
 * @see RFC 9293 §3.1, RFC 768, RFC 791 §3.1; Linux, Documentation/networking/segmentation-offloads.rst
 */
export class Segmenter {
  readonly #header: Uint32Array = new Uint32Array(MOST_HEADER_BYTES / 4);
  readonly #headerBytesView: Uint8Array = new Uint8Array(this.#header.buffer);
  #isIpv4 = true;
  #isTcp = true;
  #headerBytes = 0;
  #transportOffset = 0;
  #segmentBytes = 0;
  #payloadOffset = 0;
  #payloadBytes = 0;
  #done = 0;
  #index = 0;
  #ipSum = 0;
  #identification = 0;
  #transportSum = 0;
  #sequence = 0;
  #offsetAndFlags = 0;

  /** Payload bytes that no segment has taken yet. */
  get pendingBytes(): number {
    return this.#payloadBytes - this.#done;
  }

  /** Takes a packet up. Its header is copied; its payload stays where it is until the last segment is written, or is
   * moved with {@link movePayload}.
   * @returns false when it is no packet that can be segmented; it is then not taken.
   */
  begin(memory: SummedMemory, packet: LargePacket): boolean {
    const { bytes } = memory;
    const { offset, length, transportOffset, segmentBytes } = packet;
    this.abandon();
    const version = (bytes[offset] ?? 0) >> 4;
    const leastBytes = version === 4 ? ((bytes[offset] ?? 0) & 15) * 4 : 40;
    const isTcp = packet.protocol === 'tcp';
    const transport = offset + transportOffset;
    const transportHeader = isTcp ? ((bytes[transport + 12] ?? 0) >> 4) * 4 : UDP_HEADER_BYTES;
    const headerBytes = transportOffset + transportHeader;
    const isUsable =
      (version === 4 || version === 6) &&
      leastBytes >= 20 &&
      transportOffset >= leastBytes &&
      (version === 6 || transportOffset === leastBytes) &&
      transportHeader >= (isTcp ? 20 : UDP_HEADER_BYTES) &&
      headerBytes % 4 === 0 &&
      headerBytes <= MOST_HEADER_BYTES &&
      headerBytes < length &&
      offset + length <= bytes.length &&
      segmentBytes > 0;
    if (!isUsable) return false;
    for (let i = 0; i < headerBytes; i += 1) this.#headerBytesView[i] = bytes[offset + i] ?? 0;
    this.#isIpv4 = version === 4;
    this.#isTcp = isTcp;
    this.#headerBytes = headerBytes;
    this.#transportOffset = transportOffset;
    this.#segmentBytes = segmentBytes;
    this.#payloadOffset = offset + headerBytes;
    this.#payloadBytes = length - headerBytes;
    this.#index = 0;
    this.#sumHeaders();
    return true;
  }

  /** Forgets what is pending. */
  abandon(): void {
    this.#payloadBytes = 0;
    this.#done = 0;
  }

  /** The payload was moved: what is pending begins at `offset` now. */
  movePayload(offset: number): void {
    this.#payloadOffset = offset - this.#done;
  }

  /** Writes the next segment. Its payload is not copied when it lies there already: behind the room for its header.
   * @param at - a multiple of 4; what is overwritten there is not payload that is still pending.
   * @returns its length; 0 when there is none any more.
   */
  next(memory: SummedMemory, at: number): number {
    const payloadBytes = Math.min(this.#segmentBytes, this.pendingBytes);
    if (payloadBytes <= 0) return 0;
    const { bytes, words } = memory;
    const headerBytes = this.#headerBytes;
    const from = this.#payloadOffset + this.#done;
    const to = at + headerBytes;
    if (from !== to) bytes.copyWithin(to, from, from + payloadBytes);
    const first = at >>> 2;
    for (let i = 0; i < headerBytes >>> 2; i += 1) words[first + i] = this.#header[i] ?? 0;
    const isLast = this.#done + payloadBytes === this.#payloadBytes;
    const length = headerBytes + payloadBytes;
    this.#writeIpHeader(bytes, at, length);
    const sum = this.#transportSum + rangeSum(memory, to, payloadBytes);
    if (this.#isTcp) this.#writeTcpHeader(bytes, at, length, sum, isLast);
    else this.#writeUdpHeader(bytes, at, length, sum);
    this.#done += payloadBytes;
    this.#index += 1;
    return length;
  }

  /** Adds up what is the same in all segments. */
  #sumHeaders(): void {
    const header = this.#headerBytesView;
    const transport = this.#transportOffset;
    if (this.#isIpv4) {
      this.#identification = readUint16(header, 4);
      this.#ipSum = 0;
      for (let at = 0; at < transport; at += 2) {
        if (at !== 2 && at !== 4 && at !== 10) this.#ipSum += readUint16(header, at);
      }
    }
    const field = transport + (this.#isTcp ? 16 : 6);
    // The pseudo-header counts the length of the whole: taken out here, that of each segment is put in.
    const wholeBytes = this.#headerBytes + this.#payloadBytes - transport;
    let sum = readUint16(header, field) + (~foldSum(wholeBytes) & 0xffff);
    if (this.#isTcp) {
      this.#sequence = readUint32(header, transport + 4);
      this.#offsetAndFlags = readUint16(header, transport + 12);
      for (let at = transport; at < this.#headerBytes; at += 2) {
        const word = at - transport;
        if (word !== 4 && word !== 6 && word !== 12 && word !== 16) sum += readUint16(header, at);
      }
    } else {
      sum += readUint16(header, transport) + readUint16(header, transport + 2);
    }
    this.#transportSum = foldSum(sum);
  }

  #writeIpHeader(bytes: Uint8Array, at: number, length: number): void {
    if (!this.#isIpv4) {
      writeUint16(bytes, at + 4, length - 40);
      return;
    }
    const identification = (this.#identification + this.#index) & 0xffff;
    writeUint16(bytes, at + 2, length);
    writeUint16(bytes, at + 4, identification);
    writeUint16(bytes, at + 10, ~foldSum(this.#ipSum + length + identification));
  }

  #writeTcpHeader(
    bytes: Uint8Array,
    at: number,
    length: number,
    sum: number,
    isLast: boolean,
  ): void {
    const tcp = at + this.#transportOffset;
    const sequence = (this.#sequence + this.#done) >>> 0;
    let offsetAndFlags = this.#offsetAndFlags;
    // What ends the data stands in the last segment only, and "window reduced" is said once. RFC 3168 §6.1.2
    if (!isLast) offsetAndFlags &= ~(TCP_FIN | TCP_PSH);
    if (this.#index > 0) offsetAndFlags &= ~TCP_CWR;
    writeUint32(bytes, tcp + 4, sequence);
    writeUint16(bytes, tcp + 12, offsetAndFlags);
    const whole =
      sum +
      (sequence >>> 16) +
      (sequence & 0xffff) +
      offsetAndFlags +
      (length - this.#transportOffset);
    writeUint16(bytes, tcp + 16, ~foldSum(whole));
  }

  #writeUdpHeader(bytes: Uint8Array, at: number, length: number, sum: number): void {
    const udp = at + this.#transportOffset;
    const udpBytes = length - this.#transportOffset;
    writeUint16(bytes, udp + 4, udpBytes);
    // Once in the header and once in the pseudo-header; 0 would say that there is no checksum. RFC 768
    const checksum = ~foldSum(sum + 2 * udpBytes) & 0xffff;
    writeUint16(bytes, udp + 6, checksum === 0 ? 0xffff : checksum);
  }
}
