import { readUint16 } from '@ipsec-kit/ip';
import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import type { EncryptedFragmentPayload, EncryptedPayload } from '../message.ts';
import { ApiMisuseError } from '../misuse.ts';
import { PayloadType } from '../registries/payload-type.ts';

/** Bytes of Fragment Number and Total Fragments. @see RFC 7383 §2.5 */
export const FRAGMENT_FIELDS_BYTES = 4;

/** Takes the body of an Encrypted payload as it is: its parts depend on the negotiated cipher.
 * @param firstPayload - the Next Payload field, which here names the first payload inside.
 * @see RFC 7296 §3.14
 */
export function decodeEncrypted(
  firstPayload: number,
  body: Uint8Array,
): DecodeResult<EncryptedPayload> {
  return decoded({ type: 'SK', firstPayload, body });
}

/** Decodes the body of an Encrypted Fragment payload; a fragment number of 0 or above the total is refused.
 * @see RFC 7383 §2.5, §2.6
 */
export function decodeEncryptedFragment(
  firstPayload: number,
  body: Uint8Array,
): DecodeResult<EncryptedFragmentPayload> {
  if (body.length < FRAGMENT_FIELDS_BYTES) {
    return malformed(PayloadType.SKF, 'SKF is shorter than its fixed fields');
  }
  const fragmentNumber = readUint16(body, 0);
  const totalFragments = readUint16(body, 2);
  if (!isFragment(fragmentNumber, totalFragments)) {
    return malformed(PayloadType.SKF, `SKF is fragment ${fragmentNumber} of ${totalFragments}`);
  }
  return decoded({
    type: 'SKF',
    firstPayload,
    fragmentNumber,
    totalFragments,
    body: body.subarray(FRAGMENT_FIELDS_BYTES),
  });
}

function isFragment(fragmentNumber: number, totalFragments: number): boolean {
  return fragmentNumber > 0 && fragmentNumber <= totalFragments;
}

/** Writes Fragment Number and Total Fragments. */
export function writeFragmentFields(
  payload: Pick<EncryptedFragmentPayload, 'fragmentNumber' | 'totalFragments'>,
  writer: ByteWriter,
): void {
  const { fragmentNumber, totalFragments } = payload;
  if (!isFragment(fragmentNumber, totalFragments)) {
    throw new ApiMisuseError('SKF.fragmentNumber', `1 to ${totalFragments}`, fragmentNumber);
  }
  writer.uint16(fragmentNumber, 'SKF.fragmentNumber');
  writer.uint16(totalFragments, 'SKF.totalFragments');
}
