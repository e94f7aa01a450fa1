/** Codes of RADIUS packets. @see RFC 2865 §3 */
export const RadiusCode = {
  ACCESS_REQUEST: 1,
  ACCESS_ACCEPT: 2,
  ACCESS_REJECT: 3,
  ACCESS_CHALLENGE: 11,
} as const;

/** Attributes that carry EAP. @see RFC 2865 §5, RFC 3579 §3 */
export const RadiusAttribute = {
  USER_NAME: 1,
  STATE: 24,
  VENDOR_SPECIFIC: 26,
  NAS_IDENTIFIER: 32,
  EAP_MESSAGE: 79,
  MESSAGE_AUTHENTICATOR: 80,
} as const;

const HEADER_BYTES = 20;
const MAX_PACKET_BYTES = 4096;
/** Most bytes of value in one attribute. */
export const MAX_ATTRIBUTE_BYTES = 253;

/** One attribute. */
export interface RadiusPair {
  readonly type: number;
  readonly value: Uint8Array;
}

/** A RADIUS packet taken apart. */
export interface RadiusPacket {
  readonly code: number;
  readonly identifier: number;
  /** 16 bytes. */
  readonly authenticator: Uint8Array;
  /** In order. */
  readonly attributes: readonly RadiusPair[];
}

/** Reads a RADIUS packet; bytes behind its length are padding (RFC 2865 §3).
 * @returns `undefined` when it is cut off, longer than 4096 bytes, or an attribute is malformed; values are views.
 */
export function decodeRadiusPacket(bytes: Uint8Array): RadiusPacket | undefined {
  const [code, identifier, high, low] = bytes;
  if (code === undefined || identifier === undefined || high === undefined) return undefined;
  const length = (high << 8) | (low ?? 0);
  if (length < HEADER_BYTES || length > bytes.length || length > MAX_PACKET_BYTES) return undefined;
  const attributes: RadiusPair[] = [];
  for (let at = HEADER_BYTES; at < length; ) {
    const size = bytes[at + 1] ?? 0;
    if (size < 2 || at + size > length) return undefined;
    attributes.push({ type: bytes[at] ?? 0, value: bytes.subarray(at + 2, at + size) });
    at += size;
  }
  return {
    code,
    identifier,
    authenticator: new Uint8Array(bytes.subarray(4, HEADER_BYTES)),
    attributes,
  };
}

/** Writes a RADIUS packet. @throws RangeError when it, or a value in it, is too long. */
export function encodeRadiusPacket(packet: RadiusPacket): Uint8Array {
  const body = packet.attributes.flatMap(({ type, value }) => {
    if (value.length > MAX_ATTRIBUTE_BYTES)
      throw tooLong('value', MAX_ATTRIBUTE_BYTES, value.length);
    return [type, 2 + value.length, ...value];
  });
  const length = HEADER_BYTES + body.length;
  if (length > MAX_PACKET_BYTES) throw tooLong('packet', MAX_PACKET_BYTES, length);
  const { code, identifier, authenticator } = packet;
  return Uint8Array.from([code, identifier, length >> 8, length & 0xff, ...authenticator, ...body]);
}

/** All values of one type, one behind the other: EAP packets are longer than an attribute. @see RFC 3579 §3.1 */
export function joinedValue(packet: RadiusPacket, type: number): Uint8Array {
  return Uint8Array.from(
    packet.attributes.filter((pair) => pair.type === type).flatMap(({ value }) => [...value]),
  );
}

function tooLong(argument: string, limit: number, got: number): RangeError {
  return new RangeError(`"${argument}" expected at most ${limit} bytes, got ${got}`);
}
