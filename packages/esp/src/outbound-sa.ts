import type { PacketCipher, RandomSource } from '@ipsec-kit/crypto';
import { writeUint32 } from '@ipsec-kit/ip';
import { EspDrop } from './drop-reason.ts';
import { createIvSource, type IvSource } from './iv-source.ts';
import { Lifetime } from './lifetime.ts';
import { alignmentOf, ESP_HEADER_BYTES, paddedBytes, requireSpi } from './packet-shape.ts';
import type { EspLimits, OutboundSa } from './sa.ts';
import {
  LAST_EXTENDED_SEQUENCE_NUMBER,
  LAST_SEQUENCE_NUMBER,
  SOFT_SEQUENCE_NUMBER,
  upperHalf,
} from './sequence-number.ts';

/** What an outbound SA is made of. */
export interface OutboundSaOptions {
  /** The peer's SPI, 1 to 2^32-1. */
  readonly spi: number;
  /** Keyed for this direction and used by no other SA: the IV of an AEAD repeats from SA to SA. */
  readonly cipher: PacketCipher;
  /** For the IVs of ciphers that need unpredictable ones (CBC); without it those are refused. */
  readonly random?: RandomSource;
  readonly limits?: EspLimits;
  /** Extended sequence numbers, where both ends have agreed on them; default false. @see RFC 4303 §2.2.1 */
  readonly esn?: boolean;
  /** Packets that this SA has sent before, when it continues elsewhere; default 0. */
  readonly lastSequence?: number;
}

/** The sending half of an SA pair.
 * @throws when an option is out of range or a cipher with random IVs gets no `random`.
 * @see RFC 4303 §3.3, RFC 4106 §3.1 (the counter as IV), RFC 3602 §3 (random IV), RFC 8750 (implicit IV)
 */
export function createOutboundSa(options: OutboundSaOptions): OutboundSa {
  return new EspOutboundSa(options);
}

class EspOutboundSa implements OutboundSa {
  readonly spi: number;
  readonly headroom: number;
  readonly tailroom: number;
  readonly #cipher: PacketCipher;
  readonly #alignment: number;
  readonly #ivs: IvSource;
  readonly #lifetime: Lifetime;
  readonly #isExtended: boolean;
  readonly #lastSequence: number;
  readonly #softSequence: number;
  #sequence: number;

  constructor(options: OutboundSaOptions) {
    const { spi, cipher, limits = {}, esn = false, lastSequence = 0 } = options;
    const last = esn ? LAST_EXTENDED_SEQUENCE_NUMBER : LAST_SEQUENCE_NUMBER;
    if (!Number.isInteger(lastSequence) || lastSequence < 0 || lastSequence > last) {
      throw new RangeError(`"lastSequence" expected 0 to ${last}, got ${lastSequence}`);
    }
    this.spi = requireSpi(spi);
    this.#cipher = cipher;
    this.#alignment = alignmentOf(cipher);
    this.#ivs = createIvSource(cipher, options.random);
    this.#lifetime = new Lifetime(limits);
    this.#isExtended = esn;
    this.#lastSequence = last;
    this.#softSequence = last - (LAST_SEQUENCE_NUMBER - SOFT_SEQUENCE_NUMBER);
    this.#sequence = lastSequence;
    this.headroom = ESP_HEADER_BYTES + cipher.ivBytes;
    this.tailroom = this.#alignment + 1 + cipher.icvBytes;
  }

  get packets(): number {
    return this.#lifetime.packets;
  }

  get bytes(): number {
    return this.#lifetime.bytes;
  }

  get softLimitReached(): boolean {
    return this.#lifetime.softLimitReached || this.#sequence >= this.#softSequence;
  }

  overhead(length: number): number {
    const text = paddedBytes(length, this.#alignment);
    return this.headroom + text - length + this.#cipher.icvBytes;
  }

  seal(memory: Uint8Array, offset: number, length: number, nextHeader: number): number {
    const start = offset - this.headroom;
    const textBytes = paddedBytes(length, this.#alignment);
    if (start < 0 || offset + textBytes + this.#cipher.icvBytes > memory.length) {
      return EspDrop['no-room'];
    }
    // RFC 4303 §3.3.3: no packet is sent whose number would make the counter cycle; ours never wraps.
    if (this.#sequence >= this.#lastSequence) return EspDrop['sequence-exhausted'];
    if (this.#lifetime.wouldExceed(length)) return EspDrop['lifetime-over'];
    this.#sequence += 1;
    writeUint32(memory, start, this.spi);
    writeUint32(memory, start + 4, this.#sequence);
    this.#ivs.write(memory, start + ESP_HEADER_BYTES, this.#sequence);
    writeTrailer(memory, offset + length, textBytes - length - 2, nextHeader);
    this.#cipher.seal(
      memory,
      start,
      ESP_HEADER_BYTES,
      start + ESP_HEADER_BYTES,
      offset,
      textBytes,
      this.#isExtended ? upperHalf(this.#sequence) : undefined,
    );
    this.#lifetime.add(length);
    return this.headroom + textBytes + this.#cipher.icvBytes;
  }

  close(): void {
    this.#cipher.close?.();
  }
}

/** Padding bytes 1, 2, 3, ..., the pad length and the next header. @see RFC 4303 §2.4 */
function writeTrailer(memory: Uint8Array, at: number, padBytes: number, nextHeader: number): void {
  for (let i = 0; i < padBytes; i += 1) memory[at + i] = i + 1;
  memory[at + padBytes] = padBytes;
  memory[at + padBytes + 1] = nextHeader;
}
