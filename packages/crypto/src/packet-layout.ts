import { argumentError } from './argument-error.ts';
import type { CipherShape } from './provider.ts';

/** SPI and sequence number. @see RFC 4303 §2 */
const ESP_HEADER_BYTES = 8;

/** What is wrong with the places that were handed to `seal` or `open`, or `undefined` when all is well:
 * every range lies in `memory`, the text is whole blocks, for a cipher with HMAC AAD, IV and text are adjacent, and
 * the AAD is an ESP header where its sequence number is extended or serves as IV.
 */
export function packetLayoutFault(
  shape: CipherShape,
  memory: Uint8Array,
  aadOffset: number,
  aadBytes: number,
  ivOffset: number,
  textOffset: number,
  textBytes: number,
  sequenceHigh?: number,
): string | undefined {
  const end = memory.length;
  if (!isRange(aadOffset, aadBytes, end)) return 'the AAD lies outside of the memory';
  if (!isRange(ivOffset, shape.ivBytes, end)) return 'the IV lies outside of the memory';
  if (!isRange(textOffset, textBytes, end - shape.icvBytes)) {
    return 'text and ICV lie outside of the memory';
  }
  if (textBytes % shape.blockBytes !== 0) return 'the text is not a multiple of blockBytes';
  if (aadBytes !== ESP_HEADER_BYTES && (sequenceHigh !== undefined || shape.iv === 'implicit')) {
    return 'the AAD is not the 8 bytes of an ESP header';
  }
  if (shape.integrityKeyBytes === 0) return undefined;
  const adjacent = aadOffset + aadBytes === ivOffset && ivOffset + shape.ivBytes === textOffset;
  return adjacent ? undefined : 'AAD, IV and text are not adjacent';
}

/** @throws RangeError when the places handed to `seal` are not usable: always a bug of the caller. */
export function requirePacketLayout(
  shape: CipherShape,
  memory: Uint8Array,
  aadOffset: number,
  aadBytes: number,
  ivOffset: number,
  textOffset: number,
  textBytes: number,
  sequenceHigh?: number,
): void {
  const fault = packetLayoutFault(
    shape,
    memory,
    aadOffset,
    aadBytes,
    ivOffset,
    textOffset,
    textBytes,
    sequenceHigh,
  );
  if (fault === undefined) return;
  throw argumentError(
    'layout',
    `AAD, IV, text and ICV inside ${memory.length} bytes of memory`,
    `aad ${aadOffset}+${aadBytes}, iv ${ivOffset}+${shape.ivBytes}, text ${textOffset}+${textBytes}, icv ${shape.icvBytes}: ${fault}`,
  );
}

function isRange(offset: number, length: number, end: number): boolean {
  return Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0
    ? offset + length <= end
    : false;
}
