import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import type { CertPayload } from '../message.ts';
import { PayloadType } from '../registries/payload-type.ts';

/** Decodes the body of a Certificate or Certificate Request payload: an encoding and its data.
 * @see RFC 7296 §3.6, §3.7
 */
export function decodeCert(type: 'CERT' | 'CERTREQ', body: Uint8Array): DecodeResult<CertPayload> {
  if (body.length < 1) return malformed(PayloadType[type], `${type} has no encoding`);
  return decoded({ type, encoding: body[0] ?? 0, data: body.subarray(1) });
}

/** Bytes of the encoded body. */
export function certBytes(payload: CertPayload): number {
  return 1 + payload.data.length;
}

/** Writes the body. */
export function writeCert(payload: CertPayload, writer: ByteWriter): void {
  writer.uint8(payload.encoding, `${payload.type}.encoding`);
  writer.raw(payload.data);
}
