import { readUint16 } from '@ipsec-kit/ip';
import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import type { EapPayload } from '../message.ts';
import { ApiMisuseError } from '../misuse.ts';
import { PayloadType } from '../registries/payload-type.ts';

/** Decodes the body of an EAP payload: one EAP message, whose own length MUST be that of the body.
 * @see RFC 7296 §3.16
 */
export function decodeEap(body: Uint8Array): DecodeResult<EapPayload> {
  if (!isEapMessage(body)) {
    return malformed(PayloadType.EAP, `EAP message of ${body.length} bytes says another length`);
  }
  return decoded({ type: 'EAP', data: body });
}

function isEapMessage(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && readUint16(bytes, 2) === bytes.length;
}

/** Bytes of the encoded body. */
export function eapBytes(payload: EapPayload): number {
  return payload.data.length;
}

/** Writes the body. */
export function writeEap(payload: EapPayload, writer: ByteWriter): void {
  if (!isEapMessage(payload.data)) {
    throw new ApiMisuseError('EAP.data', 'an EAP message with its length', payload.data.length);
  }
  writer.raw(payload.data);
}
