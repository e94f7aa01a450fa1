import { readUint16 } from '@ipsec-kit/ip';
import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import { MAX_TRANSFORM_ATTRIBUTES } from '../limits.ts';
import type { Transform } from '../message.ts';
import { ApiMisuseError } from '../misuse.ts';
import { PayloadType } from '../registries/payload-type.ts';
import { TransformAttributeType } from '../registries/transform-type.ts';

const TRANSFORM_HEADER_BYTES = 8;
const ATTRIBUTE_HEADER_BYTES = 4;
/** The AF bit: the value is the two bytes after the type, not a length. */
const TYPE_VALUE_FORMAT = 0x8000;
const KEY_LENGTH = TYPE_VALUE_FORMAT | TransformAttributeType.KEY_LENGTH;

/** Decodes one transform substructure. A leading Key Length becomes `keyBits`; everything else, a second
 * or a wrongly encoded Key Length included, is kept raw, so that the transform is re-encoded as it was.
 * @param bytes - the substructure, whole, at least 8 bytes.
 * @see RFC 7296 §3.3.2, §3.3.5
 */
export function decodeTransform(bytes: Uint8Array): DecodeResult<Transform> {
  let keyBits: number | undefined;
  const unknownAttributes: Uint8Array[] = [];
  let offset = TRANSFORM_HEADER_BYTES;
  for (let index = 0; offset < bytes.length; index++) {
    if (index === MAX_TRANSFORM_ATTRIBUTES) {
      return malformed(PayloadType.SA, `transform has more than ${index} attributes`);
    }
    const length = attributeBytes(bytes, offset);
    if (length === undefined)
      return malformed(PayloadType.SA, 'attribute does not fit its transform');
    if (index === 0 && readUint16(bytes, offset) === KEY_LENGTH) {
      keyBits = readUint16(bytes, offset + 2);
    } else {
      unknownAttributes.push(bytes.subarray(offset, offset + length));
    }
    offset += length;
  }
  return decoded({
    type: bytes[4] ?? 0,
    id: readUint16(bytes, 6),
    ...(keyBits === undefined ? {} : { keyBits }),
    ...(unknownAttributes.length === 0 ? {} : { unknownAttributes }),
  });
}

/** The length of the attribute at `offset`, or `undefined` when it goes beyond the end. */
function attributeBytes(bytes: Uint8Array, offset: number): number | undefined {
  if (bytes.length - offset < ATTRIBUTE_HEADER_BYTES) return undefined;
  const isFixed = (readUint16(bytes, offset) & TYPE_VALUE_FORMAT) !== 0;
  const length = ATTRIBUTE_HEADER_BYTES + (isFixed ? 0 : readUint16(bytes, offset + 2));
  return offset + length > bytes.length ? undefined : length;
}

/** Bytes of the encoded substructure. */
export function transformBytes(transform: Transform): number {
  let bytes = TRANSFORM_HEADER_BYTES;
  if (transform.keyBits !== undefined) bytes += ATTRIBUTE_HEADER_BYTES;
  for (const attribute of transform.unknownAttributes ?? []) bytes += attribute.length;
  return bytes;
}

/** Writes the substructure but for its first byte, which says whether another one follows. */
export function writeTransform(transform: Transform, writer: ByteWriter): void {
  const attributes = transform.unknownAttributes ?? [];
  writer.skip(1);
  writer.uint16(transformBytes(transform), 'transform length');
  writer.uint8(transform.type, 'transform.type');
  writer.skip(1);
  writer.uint16(transform.id, 'transform.id');
  if (transform.keyBits !== undefined) {
    writer.uint16(KEY_LENGTH, 'attribute type');
    writer.uint16(transform.keyBits, 'transform.keyBits');
  }
  for (const attribute of attributes) {
    if (attributeBytes(attribute, 0) !== attribute.length) {
      throw new ApiMisuseError(
        'transform.unknownAttributes',
        'whole attributes with their header',
        `${attribute.length} bytes`,
      );
    }
    writer.raw(attribute);
  }
}
