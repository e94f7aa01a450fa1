import { readUint16 } from '@ipsec-kit/ip';
import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import { MAX_CONFIG_ATTRIBUTES } from '../limits.ts';
import type { ConfigAttribute, ConfigPayload } from '../message.ts';
import { ApiMisuseError } from '../misuse.ts';
import { PayloadType } from '../registries/payload-type.ts';

/** Decodes the body of a Configuration payload. Values are kept raw and of any length: whether a length suits its
 * attribute is for {@link decodeConfigAddress} and its like, since an unsupported attribute MUST be ignored.
 * @see RFC 7296 §3.15
 */
export function decodeConfig(body: Uint8Array): DecodeResult<ConfigPayload> {
  if (body.length < 4) return malformed(PayloadType.CP, 'CP is shorter than its fixed fields');
  const attributes: ConfigAttribute[] = [];
  let offset = 4;
  while (offset < body.length) {
    if (attributes.length === MAX_CONFIG_ATTRIBUTES) {
      return malformed(PayloadType.CP, `CP has more than ${MAX_CONFIG_ATTRIBUTES} attributes`);
    }
    const end = offset + 4 + readUint16(body, offset + 2);
    if (body.length - offset < 4 || end > body.length) {
      return malformed(PayloadType.CP, 'attribute does not fit its CP');
    }
    // The first bit is reserved and MUST be ignored (RFC 7296 §3.15.1).
    const type = readUint16(body, offset) & 0x7fff;
    attributes.push({ type, value: body.subarray(offset + 4, end) });
    offset = end;
  }
  return decoded({ type: 'CP', configType: body[0] ?? 0, attributes });
}

/** Bytes of the encoded body. */
export function configBytes(payload: ConfigPayload): number {
  return payload.attributes.reduce((bytes, { value }) => bytes + 4 + value.length, 4);
}

/** Writes the body. */
export function writeConfig(payload: ConfigPayload, writer: ByteWriter): void {
  const { attributes } = payload;
  if (attributes.length > MAX_CONFIG_ATTRIBUTES) {
    throw new ApiMisuseError(
      'CP.attributes',
      `at most ${MAX_CONFIG_ATTRIBUTES} attributes`,
      attributes.length,
    );
  }
  writer.uint8(payload.configType, 'CP.configType');
  writer.skip(3);
  for (const { type, value } of attributes) {
    if (type > 0x7fff) throw new ApiMisuseError('attribute.type', 'at most 32767', type);
    writer.uint16(type, 'attribute.type');
    writer.uint16(value.length, 'attribute.value.length');
    writer.raw(value);
  }
}
