import type { PacketCipher } from '@ipsec-kit/crypto';
import { readUint32 } from '@ipsec-kit/ip';
import { EspDrop } from './drop-reason.ts';
import { Lifetime } from './lifetime.ts';
import { alignmentOf, ESP_HEADER_BYTES, EspNextHeader, requireSpi } from './packet-shape.ts';
import { ReplayWindow } from './replay-window.ts';
import type { EspLimits, InboundSa } from './sa.ts';
import { upperHalf } from './sequence-number.ts';

/** What an inbound SA is made of. */
export interface InboundSaOptions {
  /** The own SPI, 1 to 2^32-1. */
  readonly spi: number;
  /** Keyed for this direction. */
  readonly cipher: PacketCipher;
  /** 0 for no protection, or up to 65536 packets, less than 32 as 32; 64 is the default of RFC 4303 §3.4.3, more suits fast links. */
  readonly replayWindowPackets: number;
  /** Extended sequence numbers, where both ends have agreed on them; default false. @see RFC 4303 §2.2.1 */
  readonly esn?: boolean;
  readonly limits?: EspLimits;
}

/** The receiving half of an SA pair.
 * @throws when an option is out of range.
 * @see RFC 4303 §3.4
 */
export function createInboundSa(options: InboundSaOptions): InboundSa {
  return new EspInboundSa(options);
}

class EspInboundSa implements InboundSa {
  readonly spi: number;
  readonly headroom: number;
  lastNextHeader = 0;
  lastWasNewest = false;
  replayedPackets = 0;
  readonly #cipher: PacketCipher;
  readonly #alignment: number;
  readonly #window: ReplayWindow;
  readonly #lifetime: Lifetime;
  readonly #isExtended: boolean;

  constructor(options: InboundSaOptions) {
    this.spi = requireSpi(options.spi);
    this.#cipher = options.cipher;
    this.#alignment = alignmentOf(options.cipher);
    this.#window = new ReplayWindow(options.replayWindowPackets);
    this.#isExtended = options.esn ?? false;
    this.#lifetime = new Lifetime(options.limits ?? {});
    this.headroom = ESP_HEADER_BYTES + options.cipher.ivBytes;
  }

  get packets(): number {
    return this.#lifetime.packets;
  }

  get bytes(): number {
    return this.#lifetime.bytes;
  }

  get softLimitReached(): boolean {
    return this.#lifetime.softLimitReached;
  }

  open(memory: Uint8Array, offset: number, length: number): number {
    const textBytes = length - this.headroom - this.#cipher.icvBytes;
    if (
      offset + length > memory.length ||
      textBytes < this.#alignment ||
      textBytes % this.#alignment !== 0 ||
      readUint32(memory, offset) !== this.spi
    ) {
      return EspDrop.malformed;
    }
    const low = readUint32(memory, offset + 4);
    const sequence = this.#isExtended ? this.#window.infer(low) : low;
    // The cheap check comes before the ICV, the window moves only after it. RFC 4303 §3.4.3
    if (!this.#window.isNew(sequence)) {
      this.replayedPackets += 1;
      return EspDrop.replayed;
    }
    const text = offset + this.headroom;
    const iv = offset + ESP_HEADER_BYTES;
    // A wrong guess of the upper half is a wrong ICV, and moves nothing. RFC 4303 Appendix A2.2
    const high = this.#isExtended ? upperHalf(sequence) : undefined;
    if (!this.#cipher.open(memory, offset, ESP_HEADER_BYTES, iv, text, textBytes, high)) {
      return EspDrop['bad-icv'];
    }
    this.lastWasNewest = this.#window.accept(sequence);
    return this.#accept(memory, text, textBytes);
  }

  close(): void {
    this.#cipher.close?.();
  }

  /** Takes off the trailer of a packet that is authentic, and counts it. */
  #accept(memory: Uint8Array, text: number, textBytes: number): number {
    const padBytes = memory[text + textBytes - 2] ?? 0;
    const innerBytes = textBytes - 2 - padBytes;
    // RFC 4303 §2.4: SHOULD inspect the padding. The ICV is verified already, so that this is no padding oracle.
    if (innerBytes < 0 || !isPadding(memory, text + innerBytes, padBytes)) {
      return EspDrop['bad-padding'];
    }
    if (this.#lifetime.wouldExceed(innerBytes)) return EspDrop['lifetime-over'];
    this.#lifetime.add(innerBytes);
    this.lastNextHeader = memory[text + textBytes - 1] ?? 0;
    // RFC 4303 §2.6: a dummy packet is discarded without prejudice, whatever it holds.
    return this.lastNextHeader === EspNextHeader['IPv6-NoNxt'] ? 0 : innerBytes;
  }
}

function isPadding(memory: Uint8Array, at: number, padBytes: number): boolean {
  for (let i = 0; i < padBytes; i += 1) if (memory[at + i] !== i + 1) return false;
  return true;
}
