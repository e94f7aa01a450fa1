import { type RegistryNames, registryName, registryNames } from './registry-name.ts';

/** Payload types by their notation; the two nonces share one number. @see RFC 7296 §3.2, RFC 7383 §2.5 */
export const PayloadType = {
  /** No Next Payload: the end of a chain. */
  NONE: 0,
  SA: 33,
  KE: 34,
  IDi: 35,
  IDr: 36,
  CERT: 37,
  CERTREQ: 38,
  AUTH: 39,
  /** Ni and Nr */
  Nonce: 40,
  N: 41,
  D: 42,
  V: 43,
  TSi: 44,
  TSr: 45,
  SK: 46,
  CP: 47,
  EAP: 48,
  /** Generic Secure Password Method, RFC 6467; kept raw. */
  GSPM: 49,
  /** Group Identification, RFC 9838; kept raw. */
  IDg: 50,
  /** Group Security Association, RFC 9838; kept raw. */
  GSA: 51,
  /** Key Download, RFC 9838; kept raw. */
  KD: 52,
  SKF: 53,
  /** Puzzle Solution, RFC 8019; kept raw. */
  PS: 54,
} as const;

const payloadTypeNames: RegistryNames = /* @__PURE__ */ registryNames(PayloadType);

/** The notation of a payload type, or `unknown(n)`. */
export function payloadTypeName(value: number): string {
  return registryName(payloadTypeNames, value);
}
