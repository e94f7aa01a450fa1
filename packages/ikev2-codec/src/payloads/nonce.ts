import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import type { NoncePayload } from '../message.ts';
import { ApiMisuseError } from '../misuse.ts';
import { PayloadType } from '../registries/payload-type.ts';

/** Decodes the body of a Nonce payload, which MUST have 16 to 256 bytes. @see RFC 7296 §3.9 */
export function decodeNonce(body: Uint8Array): DecodeResult<NoncePayload> {
  if (!isNonceLength(body.length)) {
    return malformed(PayloadType.Nonce, `nonce has ${body.length} bytes, not 16 to 256`);
  }
  return decoded({ type: 'Nonce', data: body });
}

function isNonceLength(bytes: number): boolean {
  return bytes >= 16 && bytes <= 256;
}

/** Bytes of the encoded body. */
export function nonceBytes(payload: NoncePayload): number {
  return payload.data.length;
}

/** Writes the body. */
export function writeNonce(payload: NoncePayload, writer: ByteWriter): void {
  if (!isNonceLength(payload.data.length)) {
    throw new ApiMisuseError('Nonce.data', '16 to 256 bytes', payload.data.length);
  }
  writer.raw(payload.data);
}
