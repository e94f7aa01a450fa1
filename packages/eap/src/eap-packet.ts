/** Codes of EAP packets. @see RFC 3748 §4 */
export const EapCode = { REQUEST: 1, RESPONSE: 2, SUCCESS: 3, FAILURE: 4 } as const;

const HEADER_BYTES = 4;
const MAX_PACKET_BYTES = 0xffff;

/** An EAP packet: a request or response with its type and what follows it, or the end of the conversation. */
export type EapPacket =
  | {
      readonly code: 1 | 2;
      /** 0 to 255. */
      readonly identifier: number;
      readonly type: number;
      readonly data: Uint8Array;
    }
  | { readonly code: 3 | 4; readonly identifier: number };

/** Reads an EAP packet. Bytes behind its length are padding and ignored (RFC 3748 §4.1).
 * @returns `undefined` for what is cut off, has no type where one belongs, or has an unknown code; `data` is a copy.
 */
export function decodeEapPacket(bytes: Uint8Array): EapPacket | undefined {
  const [code, identifier, high, low] = bytes;
  if (identifier === undefined || high === undefined || low === undefined) return undefined;
  const length = (high << 8) | low;
  if (length < HEADER_BYTES || length > bytes.length) return undefined;
  if (code === EapCode.SUCCESS || code === EapCode.FAILURE) {
    // RFC 3748 §4.2: the length of both is 4.
    return length === HEADER_BYTES ? { code, identifier } : undefined;
  }
  const type = bytes[HEADER_BYTES];
  if (code !== EapCode.REQUEST && code !== EapCode.RESPONSE) return undefined;
  if (type === undefined || length === HEADER_BYTES) return undefined;
  // A copy: slice() of a Buffer would be none, and what the methods keep would change under them.
  return { code, identifier, type, data: new Uint8Array(bytes.subarray(HEADER_BYTES + 1, length)) };
}

/** Writes an EAP packet. @throws RangeError when it is longer than 65535 bytes. */
export function encodeEapPacket(packet: EapPacket): Uint8Array {
  const body = 'type' in packet ? [packet.type, ...packet.data] : [];
  const length = HEADER_BYTES + body.length;
  if (length > MAX_PACKET_BYTES) {
    throw new RangeError(`"packet" expected at most ${MAX_PACKET_BYTES} bytes, got ${length}`);
  }
  return Uint8Array.from([packet.code, packet.identifier, length >> 8, length & 0xff, ...body]);
}
