/** Method types of EAP that this package names. @see RFC 3748 §5, IANA "EAP Registry" */
export const EapType = {
  IDENTITY: 1,
  NOTIFICATION: 2,
  /** Legacy Nak */
  NAK: 3,
  /** MD5-Challenge */
  MD5_CHALLENGE: 4,
  /** Generic Token Card (GTC) */
  GTC: 6,
  /** EAP-TLS */
  TLS: 13,
  /** EAP-SIM */
  SIM: 18,
  /** EAP-TTLS */
  TTLS: 21,
  /** EAP-AKA */
  AKA: 23,
  /** EAP MSCHAPv2 */
  MSCHAPV2: 26,
  /** EAP-AKA' */
  AKA_PRIME: 50,
  /** Expanded types (RFC 3748 §5.7) */
  EXPANDED: 254,
} as const;

const NAMES: Readonly<Record<number, string>> = /* @__PURE__ */ Object.fromEntries(
  Object.entries(EapType).map(([name, type]) => [type, name]),
);

/** The name of a method type, or `unknown(n)`. */
export function eapTypeName(type: number): string {
  return NAMES[type] ?? `unknown(${type})`;
}
