import { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import type { IdPayload } from '../message.ts';
import { ApiMisuseError } from '../misuse.ts';
import { IdType } from '../registries/id-type.ts';
import { PayloadType } from '../registries/payload-type.ts';

/** Decodes the body of an Identification payload. An address of the wrong length is refused.
 * @see RFC 7296 §3.5
 */
export function decodeId(type: 'IDi' | 'IDr', body: Uint8Array): DecodeResult<IdPayload> {
  if (body.length < 4) {
    return malformed(PayloadType[type], `${type} is shorter than its fixed fields`);
  }
  const idType = body[0] ?? 0;
  const data = body.subarray(4);
  if (!isIdLength(idType, data.length)) {
    return malformed(PayloadType[type], `${type} of type ${idType} has ${data.length} bytes`);
  }
  const reserved = ((body[1] ?? 0) << 16) | ((body[2] ?? 0) << 8) | (body[3] ?? 0);
  return decoded({ type, idType, data, ...(reserved === 0 ? {} : { reserved }) });
}

function isIdLength(idType: number, bytes: number): boolean {
  if (idType === IdType.ID_IPV4_ADDR) return bytes === 4;
  if (idType === IdType.ID_IPV6_ADDR) return bytes === 16;
  return true;
}

/** Bytes of the encoded body. */
export function idBytes(payload: IdPayload): number {
  return 4 + payload.data.length;
}

/** Writes the body. */
export function writeId(payload: IdPayload, writer: ByteWriter): void {
  if (!isIdLength(payload.idType, payload.data.length)) {
    throw new ApiMisuseError(
      `${payload.type}.data`,
      '4 bytes for ID_IPV4_ADDR, 16 for ID_IPV6_ADDR',
      payload.data.length,
    );
  }
  const reserved = payload.reserved ?? 0;
  writer.uint8(payload.idType, `${payload.type}.idType`);
  writer.uint8(reserved >>> 16, `${payload.type}.reserved`);
  writer.uint16(reserved & 0xffff, `${payload.type}.reserved`);
  writer.raw(payload.data);
}

/** The body of an Identification payload without its generic header: what AUTH covers as `RestOfInitIDPayload`
 * and `RestOfRespIDPayload`, the reserved bytes included as they were received.
 * @see RFC 7296 §2.15
 */
export function idPayloadBody(payload: Omit<IdPayload, 'critical'>): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(idBytes(payload)));
  writeId(payload, writer);
  return writer.bytes;
}
