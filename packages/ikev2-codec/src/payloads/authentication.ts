import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import type { AuthPayload } from '../message.ts';
import { PayloadType } from '../registries/payload-type.ts';

/** Decodes the body of an Authentication payload. @see RFC 7296 §3.8 */
export function decodeAuth(body: Uint8Array): DecodeResult<AuthPayload> {
  if (body.length < 4) return malformed(PayloadType.AUTH, 'AUTH is shorter than its fixed fields');
  return decoded({ type: 'AUTH', method: body[0] ?? 0, data: body.subarray(4) });
}

/** Bytes of the encoded body. */
export function authBytes(payload: AuthPayload): number {
  return 4 + payload.data.length;
}

/** Writes the body. */
export function writeAuth(payload: AuthPayload, writer: ByteWriter): void {
  writer.uint8(payload.method, 'AUTH.method');
  writer.skip(3);
  writer.raw(payload.data);
}
