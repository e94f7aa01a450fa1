import type { Payload } from '@ipsec-kit/ikev2-codec';

/** What proves who we are, once it is there. */
export interface MadeProof {
  readonly ok: true;
  /** CERT payloads go before the AUTH payload. @see RFC 7296 §1.2 */
  readonly payloads: readonly Payload[];
  /** Whether there is another way, should the peer refuse this one. */
  readonly hasMore: boolean;
}
