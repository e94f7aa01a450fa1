import { addressFromBytes, readUint16, type TrafficSelector } from '@ipsec-kit/ip';
import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import type { RawTrafficSelector, TsPayload } from '../message.ts';
import { ApiMisuseError } from '../misuse.ts';
import { PayloadType } from '../registries/payload-type.ts';
import { TsType } from '../registries/ts-type.ts';

type AnySelector = TrafficSelector | RawTrafficSelector;

const TS_HEADER_BYTES = 4;
const SELECTOR_HEADER_BYTES = 8;

/** Decodes the body of a Traffic Selector payload: 1 to 255 selectors. Addresses are copied, since selectors live
 * longer than the datagram; selectors of an unknown type are kept raw.
 * @see RFC 7296 §3.13
 */
export function decodeTs(type: 'TSi' | 'TSr', body: Uint8Array): DecodeResult<TsPayload> {
  const fail = (detail: string) => malformed(PayloadType[type], `${type}: ${detail}`);
  if (body.length < TS_HEADER_BYTES) return fail('shorter than its fixed fields');
  const count = body[0] ?? 0;
  if (count === 0) return fail('no selector');
  const selectors: AnySelector[] = [];
  let offset = TS_HEADER_BYTES;
  for (let index = 1; index <= count; index++) {
    const length = readUint16(body, offset + 2);
    if (body.length - offset < 4 || length < 4 || offset + length > body.length) {
      return fail(`selector ${index} of ${count} does not fit`);
    }
    const selector = decodeSelector(body.subarray(offset, offset + length));
    if (!selector)
      return fail(`selector ${index} has ${length} bytes, which its type does not allow`);
    selectors.push(selector);
    offset += length;
  }
  if (offset !== body.length) return fail('bytes after the last selector');
  return decoded({ type, selectors });
}

/** @param bytes - one selector, whole. @see RFC 7296 §3.13.1 */
function decodeSelector(bytes: Uint8Array): AnySelector | undefined {
  const tsType = bytes[0] ?? 0;
  const version = addressVersion(tsType);
  if (version === undefined) return { tsType, raw: bytes };
  const addressBytes = version === 4 ? 4 : 16;
  if (bytes.length !== SELECTOR_HEADER_BYTES + 2 * addressBytes) return undefined;
  const endOffset = SELECTOR_HEADER_BYTES + addressBytes;
  return {
    protocol: bytes[1] ?? 0,
    startPort: readUint16(bytes, 4),
    endPort: readUint16(bytes, 6),
    start: addressFromBytes(bytes.subarray(SELECTOR_HEADER_BYTES, endOffset)),
    end: addressFromBytes(bytes.subarray(endOffset)),
  };
}

function addressVersion(tsType: number): 4 | 6 | undefined {
  if (tsType === TsType.TS_IPV4_ADDR_RANGE) return 4;
  if (tsType === TsType.TS_IPV6_ADDR_RANGE) return 6;
  return undefined;
}

/** Bytes of the encoded body. */
export function tsBytes(payload: TsPayload): number {
  let bytes = TS_HEADER_BYTES;
  for (const selector of payload.selectors) bytes += selectorBytes(selector);
  return bytes;
}

function selectorBytes(selector: AnySelector): number {
  if ('raw' in selector) return selector.raw.length;
  return SELECTOR_HEADER_BYTES + selector.start.bytes.length + selector.end.bytes.length;
}

/** Writes the body. */
export function writeTs(payload: TsPayload, writer: ByteWriter): void {
  const { selectors, type } = payload;
  if (selectors.length < 1 || selectors.length > 255) {
    throw new ApiMisuseError(`${type}.selectors`, '1 to 255 selectors', selectors.length);
  }
  writer.uint8(selectors.length, `${type}.selectors.length`);
  writer.skip(3);
  for (const selector of selectors) {
    if ('raw' in selector) writeRawSelector(selector, writer);
    else writeSelector(selector, writer);
  }
}

function writeSelector(selector: TrafficSelector, writer: ByteWriter): void {
  const { start, end } = selector;
  const addressBytes = start.version === 4 ? 4 : 16;
  if (
    end.version !== start.version ||
    start.bytes.length !== addressBytes ||
    end.bytes.length !== addressBytes
  ) {
    throw new ApiMisuseError(
      'selector.end',
      'both addresses of one family, 4 or 16 bytes each',
      `${start.bytes.length} and ${end.bytes.length} bytes`,
    );
  }
  const tsType = start.version === 4 ? TsType.TS_IPV4_ADDR_RANGE : TsType.TS_IPV6_ADDR_RANGE;
  writer.uint8(tsType, 'selector type');
  writer.uint8(selector.protocol, 'selector.protocol');
  writer.uint16(selectorBytes(selector), 'selector length');
  writer.uint16(selector.startPort, 'selector.startPort');
  writer.uint16(selector.endPort, 'selector.endPort');
  writer.raw(start.bytes);
  writer.raw(end.bytes);
}

function writeRawSelector(selector: RawTrafficSelector, writer: ByteWriter): void {
  const { raw, tsType } = selector;
  if (raw.length < 4 || raw[0] !== tsType || readUint16(raw, 2) !== raw.length) {
    throw new ApiMisuseError('selector.raw', 'a whole selector of its type', `${raw.length} bytes`);
  }
  writer.raw(raw);
}
