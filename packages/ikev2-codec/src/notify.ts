import { readUint16, readUint32 } from '@ipsec-kit/ip';
import type { NotifyPayload, Payload } from './message.ts';
import { NotifyType } from './registries/notify-type.ts';

const NO_BYTES: Uint8Array = /* @__PURE__ */ new Uint8Array(0);

/** Builds a notify.
 * @param type - `NotifyType.*`
 * @param data - what the type defines; none when left out.
 * @param about - the Child SA that it concerns, for INVALID_SELECTORS, REKEY_SA and CHILD_SA_NOT_FOUND; without it
 *   the protocol id is 0 and there is no SPI, as §3.10 wants for everything else.
 * @see RFC 7296 §3.10
 */
export function notify(
  type: number,
  data: Uint8Array = NO_BYTES,
  about: { readonly protocol: number; readonly spi: Uint8Array } = { protocol: 0, spi: NO_BYTES },
): NotifyPayload {
  return { type: 'N', protocol: about.protocol, spi: about.spi, notify: type, data };
}

/** Builds INVALID_KE_PAYLOAD, whose data is the method that would be accepted. @see RFC 7296 §1.2, §3.10.1 */
export function invalidKeNotify(method: number): NotifyPayload {
  return notify(NotifyType.INVALID_KE_PAYLOAD, encodeUint16List([method]));
}

/** Builds UNSUPPORTED_CRITICAL_PAYLOAD, whose data is the one-byte payload type. @see RFC 7296 §2.5, §3.10.1 */
export function unsupportedCriticalNotify(payloadType: number): NotifyPayload {
  return notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, Uint8Array.of(payloadType));
}

/** The first notify of a type, or `undefined`. */
export function findNotify(payloads: readonly Payload[], type: number): NotifyPayload | undefined {
  return payloads.find(
    (payload): payload is NotifyPayload => payload.type === 'N' && payload.notify === type,
  );
}

/** All notifies of a type, in order: NAT_DETECTION_SOURCE_IP and the additional addresses may be there several times. */
export function findNotifies(payloads: readonly Payload[], type: number): readonly NotifyPayload[] {
  return payloads.filter(
    (payload): payload is NotifyPayload => payload.type === 'N' && payload.notify === type,
  );
}

/** The 16-bit number that is a notify's data, like the method in INVALID_KE_PAYLOAD.
 * @returns `undefined` when the data has not exactly two bytes.
 */
export function notifyUint16(payload: Pick<NotifyPayload, 'data'>): number | undefined {
  return payload.data.length === 2 ? readUint16(payload.data, 0) : undefined;
}

/** The 32-bit number that is a notify's data, like the window of SET_WINDOW_SIZE or the seconds of AUTH_LIFETIME.
 * @returns `undefined` when the data has not exactly four bytes.
 */
export function notifyUint32(payload: Pick<NotifyPayload, 'data'>): number | undefined {
  return payload.data.length === 4 ? readUint32(payload.data, 0) : undefined;
}

/** Reads a list of 16-bit numbers, like the hashes of SIGNATURE_HASH_ALGORITHMS or the value of SUPPORTED_ATTRIBUTES.
 * @returns `undefined` when there is an odd byte.
 * @see RFC 7427 §4, RFC 7296 §3.15.1
 */
export function decodeUint16List(bytes: Uint8Array): readonly number[] | undefined {
  if (bytes.length % 2 !== 0) return undefined;
  return Array.from({ length: bytes.length / 2 }, (_, index) => readUint16(bytes, 2 * index));
}

/** Writes a list of 16-bit numbers. */
export function encodeUint16List(values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >>> 8, value & 0xff]));
}
