import type { CipherShape } from '@ipsec-kit/crypto';

/** SPI and sequence number. @see RFC 4303 §2 */
export const ESP_HEADER_BYTES = 8;

/** Next header values of ESP in tunnel mode. @see RFC 4303 §2.6 */
export const EspNextHeader = {
  IPv4: 4,
  IPv6: 41,
  /** A dummy packet, which the receiver discards. */
  'IPv6-NoNxt': 59,
} as const;

/** The multiple that text and trailer are padded to: the block of the cipher, at least 4 bytes. @see RFC 4303 §2.4 */
export function alignmentOf(cipher: CipherShape): number {
  const { blockBytes } = cipher;
  const isPowerOfTwo = blockBytes > 0 && (blockBytes & (blockBytes - 1)) === 0;
  if (!isPowerOfTwo || blockBytes > 256) {
    throw new RangeError(
      `"cipher.blockBytes" expected a power of two up to 256, got ${blockBytes}`,
    );
  }
  return Math.max(blockBytes, 4);
}

/** Bytes of inner packet, padding, pad length and next header together. */
export function paddedBytes(length: number, alignment: number): number {
  return (length + 2 + alignment - 1) & -alignment;
}

/** An SPI, checked: 0 is reserved for local use and never sent. @see RFC 4303 §2.1 */
export function requireSpi(spi: number): number {
  if (!Number.isInteger(spi) || spi < 1 || spi > 0xffffffff) {
    throw new RangeError(`"spi" expected 1 to 4294967295, got ${spi}`);
  }
  return spi;
}

/** Bytes that ESP adds to an inner packet of `length` bytes: header, IV, padding, trailer and ICV, no UDP or IP header. */
export function espOverhead(cipher: CipherShape, length: number): number {
  const text = paddedBytes(length, alignmentOf(cipher));
  return ESP_HEADER_BYTES + cipher.ivBytes + text - length + cipher.icvBytes;
}

/** The largest inner packet whose ESP packet is at most `espBytes` long; 0 when none fits.
 * @param espBytes - from SPI to ICV: the path MTU less IP and UDP headers.
 */
export function largestInnerPacket(cipher: CipherShape, espBytes: number): number {
  const alignment = alignmentOf(cipher);
  const text = espBytes - ESP_HEADER_BYTES - cipher.ivBytes - cipher.icvBytes;
  return Math.max((text & -alignment) - 2, 0);
}
