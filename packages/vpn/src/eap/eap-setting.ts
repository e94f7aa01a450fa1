/** EAP methods by the words of strongSwan's `auth`. */
export const EAP_METHODS = ['eap-tls', 'eap-ttls', 'eap-mschapv2', 'eap-gtc', 'eap-md5'] as const;

/** A method. */
export type EapMethodName = (typeof EAP_METHODS)[number];

/** How a peer shows its password inside of TTLS. */
export const TTLS_INNERS = ['eap', 'mschapv2', 'pap', 'certificate'] as const;

/** One of them. */
export type TtlsInner = (typeof TTLS_INNERS)[number];

/** How a side proves who it is, where that is EAP. */
export interface EapSetting {
  readonly kind: 'eap';
  /** Best first: an {@link EapMethodName}, or the name of one of `eapMethods`; `eap` alone is all that have what they need. */
  readonly methods: readonly string[] | 'any' | 'radius';
}

/** Those that prove both ends, make a key and resist guessing. @see RFC 5998 §4 */
export const STANDALONE_METHODS: ReadonlySet<string> = new Set(['eap-tls', 'eap-ttls']);

/** Reads `eap`, `eap-radius`, or a method. @param others - names of `eapMethods`. @returns `undefined` for everything else. */
export function parseEapSetting(
  text: string,
  others: ReadonlyMap<string, unknown>,
): EapSetting | undefined {
  const word = text.trim().toLowerCase();
  if (word === 'eap' || word === 'eap-dynamic') return { kind: 'eap', methods: 'any' };
  if (word === 'eap-radius') return { kind: 'eap', methods: 'radius' };
  const isKnown = EAP_METHODS.some((one) => one === word) || others.has(word);
  return isKnown ? { kind: 'eap', methods: [word] } : undefined;
}

/** Whether a method needs TLS. */
export function needsTls(method: string): boolean {
  return method === 'eap-tls' || method === 'eap-ttls';
}

/** Whether a method needs a password, for all that is known of it. */
export function needsPassword(method: string): boolean {
  return method !== 'eap-tls' && EAP_METHODS.some((one) => one === method);
}
