import { constantTimeEqual, KeyMaterial, type RandomSource } from '@ipsec-kit/crypto';
import { md5 } from '../legacy/message-digest.ts';
import {
  decodeRadiusPacket,
  encodeRadiusPacket,
  joinedValue,
  MAX_ATTRIBUTE_BYTES,
  RadiusAttribute,
  RadiusCode,
  type RadiusPacket,
  type RadiusPair,
} from './radius-packet.ts';

/** An EAP response of the peer on its way to a RADIUS server. */
export interface RadiusEapRequest {
  /** Of the packet, 0 to 255: another one for each request that is not a retransmission. */
  readonly identifier: number;
  /** Shared with the server. */
  readonly secret: KeyMaterial;
  readonly random: RandomSource;
  /** The identity of the peer's first response; at most 253 bytes. */
  readonly userName: Uint8Array;
  readonly nasIdentifier: Uint8Array;
  readonly eap: Uint8Array;
  /** From the last challenge of the server. */
  readonly state?: Uint8Array;
}

/** What a server answered, once it is known to be the server. */
export type RadiusEapReply =
  | { readonly kind: 'challenge'; readonly eap: Uint8Array; readonly state?: Uint8Array }
  | {
      readonly kind: 'accept';
      readonly eap: Uint8Array;
      readonly msk?: KeyMaterial;
      /** Who it is, if the server says so. */
      readonly userName?: Uint8Array;
    }
  | { readonly kind: 'reject'; readonly eap: Uint8Array }
  /** Not from the server, not to this request, or malformed: to be ignored, as if it had not come. */
  | { readonly kind: 'ignored' };

const AUTHENTICATOR_BYTES = 16;

/** Makes an Access-Request that carries EAP, with a Message-Authenticator.
 * @returns the packet, to be sent again as it is when no answer comes, and to be kept for {@link readRadiusEapReply}.
 * @throws RangeError when a value is too long.
 * @see RFC 2865 §4.1, RFC 3579 §3.1, §3.2
 */
export function encodeRadiusEapRequest(request: RadiusEapRequest): Uint8Array {
  const authenticator = new Uint8Array(AUTHENTICATOR_BYTES);
  request.random.fill(authenticator);
  const attributes: RadiusPair[] = [
    // First, so that nothing can be put in front of it.
    { type: RadiusAttribute.MESSAGE_AUTHENTICATOR, value: new Uint8Array(AUTHENTICATOR_BYTES) },
    { type: RadiusAttribute.USER_NAME, value: request.userName },
    { type: RadiusAttribute.NAS_IDENTIFIER, value: request.nasIdentifier },
  ];
  for (let at = 0; at < request.eap.length; at += MAX_ATTRIBUTE_BYTES) {
    const value = request.eap.subarray(at, at + MAX_ATTRIBUTE_BYTES);
    attributes.push({ type: RadiusAttribute.EAP_MESSAGE, value });
  }
  if (request.state) attributes.push({ type: RadiusAttribute.STATE, value: request.state });
  const { identifier } = request;
  const code = RadiusCode.ACCESS_REQUEST;
  const bytes = encodeRadiusPacket({ code, identifier, authenticator, attributes });
  bytes.set(hmacMd5(request.secret, bytes), FIRST_VALUE);
  return bytes;
}

/** Where the value of the first attribute stands. */
const FIRST_VALUE = 22;

/** Reads what came back to a request. The Response Authenticator and a Message-Authenticator have to be right: without the latter
 * an answer with EAP is discarded (RFC 3579 §3.2), which also keeps forgeries by MD5 collisions out.
 */
export function readRadiusEapReply(
  request: Uint8Array,
  reply: Uint8Array,
  secret: KeyMaterial,
): RadiusEapReply {
  const sent = decodeRadiusPacket(request);
  const packet = decodeRadiusPacket(reply);
  if (!sent || packet?.identifier !== sent.identifier) return { kind: 'ignored' };
  const length = ((reply[2] ?? 0) << 8) | (reply[3] ?? 0);
  // RFC 2865 §3: MD5(Code | ID | Length | RequestAuth | Attributes | Secret).
  const asSent = new Uint8Array(reply.subarray(0, length));
  asSent.set(sent.authenticator, 4);
  const isGenuine =
    constantTimeEqual(md5(asSent, secret.reveal()), packet.authenticator) &&
    hasMessageAuthenticator(asSent, packet, secret);
  return isGenuine ? meaningOf(packet, sent, secret) : { kind: 'ignored' };
}

/** @param asSent - the packet with the authenticator of the request in it. @see RFC 3579 §3.2 */
function hasMessageAuthenticator(
  asSent: Uint8Array,
  packet: RadiusPacket,
  secret: KeyMaterial,
): boolean {
  const { MESSAGE_AUTHENTICATOR } = RadiusAttribute;
  let at = 20;
  for (const { type, value } of packet.attributes) {
    if (type === MESSAGE_AUTHENTICATOR && value.length === AUTHENTICATOR_BYTES) {
      const blank = new Uint8Array(asSent);
      blank.fill(0, at + 2, at + 2 + AUTHENTICATOR_BYTES);
      return constantTimeEqual(hmacMd5(secret, blank), value);
    }
    at += 2 + value.length;
  }
  return false;
}

function meaningOf(packet: RadiusPacket, sent: RadiusPacket, secret: KeyMaterial): RadiusEapReply {
  const eap = joinedValue(packet, RadiusAttribute.EAP_MESSAGE);
  switch (packet.code) {
    case RadiusCode.ACCESS_CHALLENGE: {
      const state = packet.attributes.find(({ type }) => type === RadiusAttribute.STATE)?.value;
      return state ? { kind: 'challenge', eap, state: state.slice() } : { kind: 'challenge', eap };
    }
    case RadiusCode.ACCESS_ACCEPT: {
      const msk = mskOf(packet, sent.authenticator, secret);
      const name = packet.attributes.find(({ type }) => type === RadiusAttribute.USER_NAME)?.value;
      const userName = name && Uint8Array.from(name);
      return { kind: 'accept', eap, ...(msk ? { msk } : {}), ...(userName ? { userName } : {}) };
    }
    case RadiusCode.ACCESS_REJECT:
      return { kind: 'reject', eap };
    default:
      return { kind: 'ignored' };
  }
}

const MICROSOFT: readonly number[] = [0, 0, 0x01, 0x37];
const MPPE = { SEND_KEY: 16, RECV_KEY: 17 } as const;
const MSK_BYTES = 64;

/** The MSK is what the server receives with, then what it sends with, and zeros up to 64 bytes. @see RFC 2548 §2.4.2, §2.4.3 */
function mskOf(
  packet: RadiusPacket,
  requestAuthenticator: Uint8Array,
  secret: KeyMaterial,
): KeyMaterial | undefined {
  const receive = mppeKey(packet, MPPE.RECV_KEY, requestAuthenticator, secret);
  const send = mppeKey(packet, MPPE.SEND_KEY, requestAuthenticator, secret);
  if (!receive || !send || receive.length + send.length > MSK_BYTES) return undefined;
  const msk = new Uint8Array(MSK_BYTES);
  msk.set(receive);
  msk.set(send, receive.length);
  receive.fill(0);
  send.fill(0);
  return new KeyMaterial(msk);
}

function mppeKey(
  packet: RadiusPacket,
  wanted: number,
  requestAuthenticator: Uint8Array,
  secret: KeyMaterial,
): Uint8Array | undefined {
  for (const { type, value } of packet.attributes) {
    if (type !== RadiusAttribute.VENDOR_SPECIFIC) continue;
    const isOurs = MICROSOFT.every((byte, i) => value[i] === byte) && value[4] === wanted;
    // Vendor-Length counts type and length, salt, and the key in blocks of 16.
    if (!isOurs || value[5] !== value.length - 4 || (value.length - 8) % 16 !== 0) continue;
    return decrypted(value.subarray(6, 8), value.subarray(8), requestAuthenticator, secret);
  }
  return undefined;
}

/** b(1) = MD5(S | R | A), b(i) = MD5(S | c(i-1)). @see RFC 2548 §2.4.2 */
function decrypted(
  salt: Uint8Array,
  text: Uint8Array,
  requestAuthenticator: Uint8Array,
  secret: KeyMaterial,
): Uint8Array | undefined {
  const plain = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 16) {
    const pad =
      at === 0
        ? md5(secret.reveal(), requestAuthenticator, salt)
        : md5(secret.reveal(), text.subarray(at - 16, at));
    for (let i = 0; i < 16; i += 1) plain[at + i] = (text[at + i] ?? 0) ^ (pad[i] ?? 0);
  }
  const [length = 0] = plain;
  return length > 0 && length < plain.length ? plain.slice(1, 1 + length) : undefined;
}

/** @see RFC 2104 §2 */
function hmacMd5(secret: KeyMaterial, message: Uint8Array): Uint8Array {
  const key = new Uint8Array(64);
  key.set(secret.length > 64 ? md5(secret.reveal()) : secret.reveal());
  const inner = md5(
    key.map((byte) => byte ^ 0x36),
    message,
  );
  const mac = md5(
    key.map((byte) => byte ^ 0x5c),
    inner,
  );
  key.fill(0);
  return mac;
}
