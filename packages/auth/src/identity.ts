/** An IKE identity as it stands in an ID payload. @see RFC 7296 §3.5, RFC 4945 §3.1 */
export interface Identity {
  /** `IdType.*` of the codec: ID_IPV4_ADDR 1, ID_FQDN 2, ID_RFC822_ADDR 3, ID_IPV6_ADDR 5, ID_DER_ASN1_DN 9, ID_KEY_ID 11. */
  readonly idType: number;
  readonly data: Uint8Array;
}

/** Why a text is not an identity, or not a pattern. */
export type IdentityErrorCode =
  /** `%any`, `*` and their like stand for every identity: only a pattern may be that. */
  | 'any'
  /** It has a wildcard: only a pattern may. */
  | 'wildcard'
  /** The wildcard stands where none is understood. */
  | 'bad-wildcard'
  | 'bad-hex'
  | 'bad-address'
  | 'bad-name'
  | 'bad-type'
  /** A prefix or range of addresses, which IKEv2 does not have as an identity. */
  | 'address-range';

/** A text that was refused. */
export interface IdentityError {
  readonly ok: false;
  readonly kind: 'error';
  readonly code: IdentityErrorCode;
  /** One sentence: what is wrong and what to write instead. */
  readonly sentence: string;
}
