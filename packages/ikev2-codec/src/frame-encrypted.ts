import { ByteWriter } from './byte-writer.ts';
import { type DecodeResult, decoded, malformed } from './decode-result.ts';
import { writeHeader } from './header.ts';
import { HEADER_BYTES, PAYLOAD_HEADER_BYTES } from './limits.ts';
import type { EncryptedFragmentPayload, EncryptedPayload, IkeHeader } from './message.ts';
import { ApiMisuseError } from './misuse.ts';
import { FRAGMENT_FIELDS_BYTES, writeFragmentFields } from './payloads/encrypted.ts';
import { PayloadType } from './registries/payload-type.ts';

/** What {@link frameEncrypted} needs to know of the payload that will be sealed. */
export type EncryptedFrame =
  | Pick<EncryptedPayload, 'type' | 'firstPayload'>
  | Pick<EncryptedFragmentPayload, 'type' | 'firstPayload' | 'fragmentNumber' | 'totalFragments'>;

/** Where the parts of an encrypted message lie in its datagram. All offsets count from its first byte. */
export interface EncryptedRegions {
  /** The associated data is `[0, aadBytes)`: the header to the end of the SK payload's generic header, of SKF
   * to the end of Total Fragments (RFC 5282 §5.1, RFC 7383 §2.5).
   */
  readonly aadBytes: number;
  readonly ivOffset: number;
  readonly textOffset: number;
  /** Bytes of ciphertext: payloads, padding and Pad Length, without ICV. */
  readonly textBytes: number;
  /** The ICV goes from here to the end of the datagram. */
  readonly icvOffset: number;
}

/** Bytes that a message has beside its text: what is left of a size limit for payloads and padding.
 * @returns header, SK or SKF header, IV and ICV together.
 */
export function encryptedOverheadBytes(
  type: 'SK' | 'SKF',
  sizes: { readonly ivBytes: number; readonly icvBytes: number },
): number {
  const fragmentBytes = type === 'SKF' ? FRAGMENT_FIELDS_BYTES : 0;
  return HEADER_BYTES + PAYLOAD_HEADER_BYTES + fragmentBytes + sizes.ivBytes + sizes.icvBytes;
}

/** Lays out header, SK (or SKF) payload header, room for IV, text and ICV, with all lengths filled in, so that the
 * datagram can be sealed in place: put the IV at `ivOffset`, the payloads with padding and Pad Length at `textOffset`.
 * @param sizes - `textBytes` includes padding and Pad Length, so it is at least 1.
 * @returns the datagram and the regions in it; everything from `ivOffset` on is zero.
 * @throws {@link ApiMisuseError} when the payload would be above 65535 bytes, or a field does not fit
 * @see RFC 7296 §3.14, RFC 7383 §2.5
 */
export function frameEncrypted(
  header: IkeHeader,
  payload: EncryptedFrame,
  sizes: { readonly ivBytes: number; readonly textBytes: number; readonly icvBytes: number },
): { datagram: Uint8Array } & EncryptedRegions {
  const { ivBytes, textBytes, icvBytes } = sizes;
  const bytes = encryptedOverheadBytes(payload.type, sizes) + textBytes;
  if (textBytes < 1) throw new ApiMisuseError('sizes.textBytes', 'at least 1 byte', textBytes);
  if (bytes - HEADER_BYTES > 0xffff) {
    throw new ApiMisuseError('sizes.textBytes', 'a payload of at most 65535 bytes', textBytes);
  }
  const writer = new ByteWriter(new Uint8Array(bytes));
  writeHeader(header, PayloadType[payload.type], bytes, writer);
  writer.uint8(payload.firstPayload, 'payload.firstPayload');
  // The critical bit MUST be zero for payloads that are defined (RFC 7296 §3.2).
  writer.skip(1);
  writer.uint16(bytes - HEADER_BYTES, 'payload length');
  if (payload.type === 'SKF') writeFragmentFields(payload, writer);
  const ivOffset = writer.offset;
  const textOffset = ivOffset + ivBytes;
  return {
    datagram: writer.bytes,
    aadBytes: ivOffset,
    ivOffset,
    textOffset,
    textBytes,
    icvOffset: bytes - icvBytes,
  };
}

/** Finds the regions of a received message that ends with an SK or SKF payload, for opening in place.
 * @param datagram - the one that was decoded; it ends with the payload.
 * @returns the regions, or `malformed-payload` when IV, ICV and one byte of text do not fit.
 * @see RFC 7296 §3.14, RFC 7383 §2.5, RFC 5282 §5.1
 */
export function encryptedRegions(
  datagram: Uint8Array,
  payload: Pick<EncryptedPayload | EncryptedFragmentPayload, 'type' | 'body'>,
  sizes: { readonly ivBytes: number; readonly icvBytes: number },
): DecodeResult<EncryptedRegions> {
  const ivOffset = datagram.length - payload.body.length;
  const textOffset = ivOffset + sizes.ivBytes;
  const icvOffset = datagram.length - sizes.icvBytes;
  if (ivOffset < HEADER_BYTES + PAYLOAD_HEADER_BYTES) {
    throw new ApiMisuseError('payload', 'one that was decoded from this datagram', payload.type);
  }
  if (icvOffset <= textOffset) {
    const detail = `${payload.type} of ${payload.body.length} bytes has no room for IV, text and ICV`;
    return malformed(PayloadType[payload.type], detail);
  }
  const textBytes = icvOffset - textOffset;
  return decoded({ aadBytes: ivOffset, ivOffset, textOffset, textBytes, icvOffset });
}
