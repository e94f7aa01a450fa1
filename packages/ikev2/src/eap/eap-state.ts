import type { Instant } from '@ipsec-kit/clock';
import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { IdPayload } from '@ipsec-kit/ikev2-codec';

/** An EAP conversation inside IKE_AUTH, of which this package knows no more than packets and the end. */
export interface EapConversation {
  /** What the driver knows it by. */
  readonly id: bigint;
  readonly role: 'peer' | 'authenticator';
  /** The responder's identification payload, which the last AUTH covers, as it was sent. */
  readonly idr: IdPayload;
  readonly isOnlyProof: boolean;
  /** When it is over at the latest. */
  readonly until: Instant;
  exchanges: number;
  /** The driver holds it. */
  isHeld: boolean;
  /** There once it was successful; without an MSK the method makes none. */
  result: { readonly msk: KeyMaterial | undefined } | undefined;
}
