import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { EapMethod } from '@ipsec-kit/eap';

/** An EAP method that is not one of those that are here, such as SIM and AKA for those who have a card. */
export interface EapMethodOptions {
  /** What `auth` calls it: `eap-` and small letters, digits and hyphens, such as `eap-aka`; none of the names that there are. */
  readonly name: string;
  /** Both halves of it. `isMutual` says that it may stand alone (RFC 5998 §4). What it throws ends the conversation; its MSK has at
   * least 64 bytes (RFC 3748 §7.10).
   */
  readonly method: EapMethod;
  /** Performs its work of the kind `method`, such as an algorithm on a card; without it such work fails. */
  readonly perform?: EapMethodWork;
}

/** Work that a method wants done. */
export interface EapMethodQuestion {
  readonly connection: string;
  /** `peer`: this side proves itself; `authenticator`: it looks at a peer. */
  readonly role: 'peer' | 'authenticator';
  /** Who this side says that it is, or the peer; the latter proves nothing. */
  readonly user: string;
  /** What and with what, in the method's own words. */
  readonly operation: string;
  readonly input: Uint8Array;
}

/** What came of it. */
export interface EapMethodAnswer {
  readonly output: Uint8Array;
  readonly secret?: KeyMaterial;
  readonly status: 'more' | 'done' | 'failed';
}

/** Whoever has the card. An error is a failure, and so is no answer in half a minute. */
export type EapMethodWork = (
  question: EapMethodQuestion,
) => EapMethodAnswer | Promise<EapMethodAnswer>;
