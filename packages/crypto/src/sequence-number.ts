import type { CipherShape } from './provider.ts';

/** Bytes of IV in the nonce of every AEAD here, sent or implicit. */
export const AEAD_IV_BYTES = 8;

/** SPI and extended sequence number. @see RFC 4106 §5 */
export const EXTENDED_AAD_BYTES = 12;

/** Writes the IV of an AEAD into a nonce: from the packet, or the sequence number of the ESP header at `headerOffset`
 * behind its upper 32 bits, which are 0 where it is not extended; allocates nothing.
 * @see RFC 8750 §4
 */
export function writeAeadIv(
  shape: CipherShape,
  memory: Uint8Array,
  ivOffset: number,
  headerOffset: number,
  sequenceHigh: number | undefined,
  nonce: Uint8Array,
  at: number,
): void {
  if (shape.iv !== 'implicit') {
    for (let i = 0; i < AEAD_IV_BYTES; i += 1) nonce[at + i] = memory[ivOffset + i] ?? 0;
    return;
  }
  writeBigEndian(nonce, at, sequenceHigh ?? 0);
  for (let i = 4; i < AEAD_IV_BYTES; i += 1) nonce[at + i] = memory[headerOffset + i] ?? 0;
}

/** Writes the AAD of a packet with an extended sequence number: SPI, upper half, lower half; allocates nothing.
 * @param into - {@link EXTENDED_AAD_BYTES} at `at`. @see RFC 4106 §5, RFC 7634 §2.1
 */
export function writeExtendedAad(
  memory: Uint8Array,
  headerOffset: number,
  sequenceHigh: number,
  into: Uint8Array,
  at: number,
): void {
  for (let i = 0; i < 4; i += 1) {
    into[at + i] = memory[headerOffset + i] ?? 0;
    into[at + 8 + i] = memory[headerOffset + 4 + i] ?? 0;
  }
  writeBigEndian(into, at + 4, sequenceHigh);
}

/** Puts the upper half of an extended sequence number where the ICV begins, for the MAC that covers it there and does
 * not send it; nothing where it is not extended.
 * @returns where the MAC ends. @see RFC 4303 §2.2.1 and §3.3.2.1
 */
export function appendSequenceHigh(
  memory: Uint8Array,
  icvOffset: number,
  sequenceHigh: number | undefined,
): number {
  if (sequenceHigh === undefined) return icvOffset;
  writeBigEndian(memory, icvOffset, sequenceHigh);
  return icvOffset + 4;
}

function writeBigEndian(memory: Uint8Array, at: number, value: number): void {
  memory[at] = value >>> 24;
  memory[at + 1] = value >>> 16;
  memory[at + 2] = value >>> 8;
  memory[at + 3] = value;
}
