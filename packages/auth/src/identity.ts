/** An IKE identity as it stands in an ID payload. @see RFC 7296 §3.5, RFC 4945 §3.1 */
export interface Identity {
  /** `IdType.*` of the codec: ID_IPV4_ADDR 1, ID_FQDN 2, ID_RFC822_ADDR 3, ID_IPV6_ADDR 5, ID_DER_ASN1_DN 9, ID_KEY_ID 11. */
  readonly idType: number;
  readonly data: Uint8Array;
}
