import { type DiameterAvp, decodeAvps, encodeAvps } from './diameter-avp.ts';

/** Attributes inside a TTLS tunnel: those of RADIUS, and of Microsoft. @see RFC 5281 §11.2.1, §11.2.4, §11.2.5, RFC 2548 §2 */
export const TtlsAvp = {
  USER_NAME: { code: 1, vendor: 0 },
  USER_PASSWORD: { code: 2, vendor: 0 },
  EAP_MESSAGE: { code: 79, vendor: 0 },
  MS_CHAP_ERROR: { code: 2, vendor: 311 },
  MS_CHAP_CHALLENGE: { code: 11, vendor: 311 },
  MS_CHAP2_RESPONSE: { code: 25, vendor: 311 },
  MS_CHAP2_SUCCESS: { code: 26, vendor: 311 },
} as const;

type Kind = (typeof TtlsAvp)[keyof typeof TtlsAvp];

/** An attribute that the other end has to understand. */
export function mandatory(kind: Kind, value: Uint8Array): DiameterAvp {
  return { ...kind, isMandatory: true, value };
}

/** The first value of a kind. */
export function avpValue(avps: readonly DiameterAvp[], kind: Kind): Uint8Array | undefined {
  return avps.find(({ code, vendor }) => code === kind.code && vendor === kind.vendor)?.value;
}

/** An EAP packet as it goes through the tunnel: in one attribute, whatever its length. @see RFC 5281 §11.2.1 */
export function wrapEap(packet: Uint8Array): Uint8Array {
  return encodeAvps([mandatory(TtlsAvp.EAP_MESSAGE, packet)]);
}

/** The EAP packet that came through the tunnel; `undefined` when it was something else. */
export function unwrapEap(data: Uint8Array): Uint8Array | undefined {
  return avpValue(decodeAvps(data) ?? [], TtlsAvp.EAP_MESSAGE);
}

/** The password, padded with zeros so that its length does not show. @see RFC 5281 §11.2.5 */
export function padPassword(password: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.max(1, Math.ceil(password.length / 16)) * 16);
  padded.set(password);
  return padded;
}

/** The password without its padding. */
export function unpadPassword(padded: Uint8Array): Uint8Array {
  let end = padded.length;
  while (end > 0 && padded[end - 1] === 0) end -= 1;
  return Uint8Array.from(padded.subarray(0, end));
}
