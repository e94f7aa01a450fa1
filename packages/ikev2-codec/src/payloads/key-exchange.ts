import { readUint16 } from '@ipsec-kit/ip';
import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import type { KePayload } from '../message.ts';
import { PayloadType } from '../registries/payload-type.ts';

/** Decodes the body of a Key Exchange payload; whether the length suits the method is for the key exchange to say.
 * @see RFC 7296 §3.4
 */
export function decodeKe(body: Uint8Array): DecodeResult<KePayload> {
  if (body.length < 4) return malformed(PayloadType.KE, 'KE is shorter than its fixed fields');
  return decoded({ type: 'KE', method: readUint16(body, 0), data: body.subarray(4) });
}

/** Bytes of the encoded body. */
export function keBytes(payload: KePayload): number {
  return 4 + payload.data.length;
}

/** Writes the body. */
export function writeKe(payload: KePayload, writer: ByteWriter): void {
  writer.uint16(payload.method, 'KE.method');
  writer.skip(2);
  writer.raw(payload.data);
}
