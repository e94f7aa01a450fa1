import { LinkType } from './link-type.ts';
import { BlockType, BYTE_ORDER_MAGIC, OptionCode } from './pcapng-format.ts';
import { encodeUtf8 } from './utf8.ts';

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

/** The Section Header Block that begins a pcapng file.
 * @param application - what wrote the file; at most 65535 bytes of UTF-8.
 */
export function encodeSectionHeader(application?: string): Uint8Array {
  const body = new Uint8Array(16);
  const view = viewOf(body);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true);
  // The section's length is not known in advance.
  view.setBigInt64(8, -1n, true);
  const options =
    application === undefined ? [] : [textOption(OptionCode.shb_userappl, application)];
  return encodeBlock(BlockType['Section Header'], body, options);
}

/** An Interface Description Block with timestamps in nanoseconds; the first one is interface 0.
 * @param description - `linkType` defaults to RAW: packets begin with their IP header.
 */
export function encodeInterface(
  description: { readonly linkType?: number; readonly name?: string } = {},
): Uint8Array {
  const body = new Uint8Array(8);
  viewOf(body).setUint16(0, description.linkType ?? LinkType.RAW, true);
  const options: Option[] = [];
  if (description.name !== undefined)
    options.push(textOption(OptionCode.if_name, description.name));
  options.push({ code: OptionCode.if_tsresol, value: Uint8Array.of(9) });
  return encodeBlock(BlockType['Interface Description'], body, options);
}

/** An Enhanced Packet Block.
 * @param packet - `timestampNs` is in nanoseconds since 1970; `data` is a whole packet of the interface's link type.
 * @throws when `timestampNs` is negative or has more than 64 bits.
 */
export function encodeEnhancedPacket(packet: {
  readonly timestampNs: bigint;
  readonly data: Uint8Array;
  readonly interfaceId?: number;
  readonly direction?: 'inbound' | 'outbound';
  readonly comment?: string;
}): Uint8Array {
  const { timestampNs, data, interfaceId = 0, direction, comment } = packet;
  if (timestampNs < 0n || timestampNs >> 64n !== 0n) {
    throw new RangeError(`"timestampNs" expected 0 to 2^64-1, got ${timestampNs}`);
  }
  const body = new Uint8Array(20 + pad4(data.length));
  const view = viewOf(body);
  view.setUint32(0, interfaceId, true);
  view.setUint32(4, Number(timestampNs >> 32n), true);
  view.setUint32(8, Number(timestampNs & 0xffffffffn), true);
  view.setUint32(12, data.length, true);
  view.setUint32(16, data.length, true);
  body.set(data, 20);
  const options: Option[] = [];
  if (comment !== undefined) options.push(textOption(OptionCode.opt_comment, comment));
  if (direction !== undefined) {
    const flags = direction === 'inbound' ? 1 : 2;
    options.push({ code: OptionCode.epb_flags, value: Uint8Array.of(flags, 0, 0, 0) });
  }
  return encodeBlock(BlockType['Enhanced Packet'], body, options);
}

function encodeBlock(type: number, body: Uint8Array, options: readonly Option[]): Uint8Array {
  const optionBytes = options.reduce((sum, option) => sum + 4 + pad4(option.value.length), 0);
  // A list of options ends with an empty one; no options, no list.
  const total = 12 + body.length + optionBytes + (options.length > 0 ? 4 : 0);
  const block = new Uint8Array(total);
  const view = viewOf(block);
  view.setUint32(0, type, true);
  view.setUint32(4, total, true);
  block.set(body, 8);
  let at = 8 + body.length;
  for (const { code, value } of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    block.set(value, at + 4);
    at += 4 + pad4(value.length);
  }
  view.setUint32(total - 4, total, true);
  return block;
}

function textOption(code: number, text: string): Option {
  const value = encodeUtf8(text);
  if (value.length > 65535) {
    throw new RangeError(`an option expected at most 65535 bytes of text, got ${value.length}`);
  }
  return { code, value };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function pad4(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
