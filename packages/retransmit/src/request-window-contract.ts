import type { Instant, WakeClass } from '@ipsec-kit/clock';
import type { RetransmitPolicy } from './retransmit-policy.ts';

export interface RequestWindowOptions {
  /** Policy of requests that bring none of their own. */
  readonly policy?: RetransmitPolicy;
  /** Draws a number from 0 to 1 for each wait; from a stream of its own, so that timers do not move SPIs in a trace. Default: 0, no jitter. */
  readonly jitterFraction?: () => number;
  /** How many requests the peer lets us have outstanding; 1 until it announces more. @see RFC 7296 §2.3 */
  readonly windowSize?: number;
  /** Default 0: IKE_SA_INIT. */
  readonly firstMessageId?: number;
}

/** A request as it is handed over for its first transmission. */
export interface NewRequest {
  readonly now: Instant;
  /** For deadlines and logs: `IKE_AUTH`, `INFORMATIONAL`. */
  readonly name: string;
  /** The datagrams of the message from the IKE header on, in order: one, or one for each fragment. Copied. */
  readonly datagrams: readonly Uint8Array[];
  /** Patience is a matter of the exchange: a policy for this one alone. */
  readonly policy?: RetransmitPolicy;
  /** The end of what the request serves: it is given up then, however many tries are left. */
  readonly notAfter?: Instant;
  /** Default `device`. */
  readonly wake?: WakeClass;
}

/** A request that waits for its response. */
export interface OutstandingRequest {
  readonly messageId: number;
  readonly name: string;
  /** Bitwise what was sent first; send all of them again. @see RFC 7296 §2.1 */
  readonly datagrams: readonly Uint8Array[];
  readonly firstSentAt: Instant;
  readonly lastSentAt: Instant;
  /** How often it has been sent, the first time included. */
  readonly transmissions: number;
  /** Whether the caller has taken over its pace. */
  readonly isPaced: boolean;
  /** When it is due again. */
  readonly dueAt: Instant;
  /** When its policy gives it up at the latest, jitter left out. */
  readonly overAt: Instant;
}

/** Whether a request may go: `window-full` waits for a response, `message-ids-exhausted` ends the IKE SA, `gave-up` has ended it. */
export type SendPermission =
  | { readonly ok: true; readonly messageId: number }
  | { readonly ok: false; readonly code: 'window-full' | 'message-ids-exhausted' | 'gave-up' };

export type TimeoutAction =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'retransmit'; readonly request: OutstandingRequest }
  | {
      readonly kind: 'give-up';
      readonly request: OutstandingRequest;
      readonly reason: 'no-response' | 'lifetime-ended';
    };
