import type { Identity } from '@ipsec-kit/auth';
import type { KeyExchangeSecret } from '@ipsec-kit/crypto';
import type { Payload, Proposal } from '@ipsec-kit/ikev2-codec';
import type { Moved, NegotiatedChild } from '../child/negotiated-child.ts';
import type { ConnectionConfig } from '../config.ts';
import type { ChosenConnection } from '../endpoint/connection-choice.ts';
import type { Answer, Lease } from '../endpoint-work.ts';
import type { SessionFailure } from '../events.ts';
import type { MadeProof } from '../proof/made-proof.ts';
import type { NextState, StateKind } from './states.ts';

/** What every IKE_SA_INIT request of one attempt has in common, and what was tried so far. */
export interface InitOffer {
  readonly initiatorSpi: bigint;
  readonly nonce: Uint8Array;
  /** Key exchange method of the KE payload. */
  readonly method: number;
  /** Methods already sent: each is tried at most once. */
  readonly triedMethods: readonly number[];
  /** The last cookie of the responder, repeated in every retry. @see RFC 7296 §2.6.1 */
  readonly cookie: Uint8Array | undefined;
  readonly cookieRounds: number;
}

/** The IKE_SA_INIT exchange as both sides sign it. @see RFC 7296 §2.15 */
export interface InitTranscript {
  readonly initRequest: Uint8Array;
  readonly initResponse: Uint8Array;
  readonly initiatorNonce: Uint8Array;
  readonly responderNonce: Uint8Array;
  /** The IKE_INTERMEDIATE exchanges, where there were any: IntAuth. @see RFC 9242 §3.3.2 */
  readonly intAuth?: Uint8Array;
}

/** The additional key exchanges of an IKE SA that is being opened. @see RFC 9370 §2.2.2 */
export interface AdditionalKeys {
  readonly transcript: InitTranscript;
  /** Those to come; the first is under way. */
  readonly methods: readonly number[];
  /** What both sides have sent in IKE_INTERMEDIATE so far. */
  readonly chains: IntAuthChains;
}

/** One IKE_INTERMEDIATE exchange: its two messages as both sides authenticate them. @see RFC 9242 §3.3.2 */
export interface IntermediateExchange {
  readonly messageId: number;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}

/** IntAuth_i and IntAuth_r; empty before the first exchange. @see RFC 9242 §3.3.2 */
export interface IntAuthChains {
  readonly initiator: Uint8Array;
  readonly responder: Uint8Array;
}

/** What the responder answers in IKE_SA_INIT, while its key exchange runs. */
export interface InitAnswer {
  readonly initiatorSpi: bigint;
  readonly initRequest: Uint8Array;
  readonly initiatorNonce: Uint8Array;
  readonly peerPublicValue: Uint8Array;
  readonly proposal: Proposal;
  readonly method: number;
  readonly peerFragments: boolean;
}

/** What the initiator asked for in IKE_AUTH and keeps until the answer. */
export interface AuthOffer {
  readonly transcript: InitTranscript;
  readonly localIdentity: Identity;
  /** `undefined` when no Child SA was asked for. @see RFC 6023 */
  readonly childSpi: number | undefined;
  readonly childName: string;
  /** What it is to move in a reauthentication. */
  readonly moves: Moved | undefined;
  /** The driver's answer for our own proof, and who it was for: where both sides share a secret it serves for the peer's. With EAP
   * there is none.
   */
  readonly answer: Answer | undefined;
  readonly askedFor: Identity;
  /** Whether we could sign in another way, should the peer refuse. */
  readonly hasMoreProofs: boolean;
}

/** An IKE_AUTH request whose identities are known and accepted. */
export interface AuthRequest {
  readonly payloads: readonly Payload[];
  readonly connection: ConnectionConfig;
  readonly localIdentity: Identity;
  readonly remoteIdentity: Identity;
  readonly transcript: InitTranscript;
}

/** A state of a session: what is awaited, and only what is valid then. Names and order are those of `SESSION_STATES`. */
export type SessionState =
  | { readonly kind: 'generating-key'; readonly requestId: number; readonly offer: InitOffer }
  | {
      readonly kind: 'awaiting-init-response';
      readonly offer: InitOffer;
      readonly secret: KeyExchangeSecret;
      readonly initRequest: Uint8Array;
      /** An unauthenticated refusal, believed only when nothing better comes in time. @see RFC 7296 §2.21.1 */
      readonly refusal: SessionFailure | undefined;
    }
  | {
      readonly kind: 'agreeing-key';
      readonly requestId: number;
      readonly transcript: InitTranscript;
      readonly initiatorSpi: bigint;
      readonly responderSpi: bigint;
      readonly proposal: Proposal;
    }
  | {
      readonly kind: 'generating-additional-key';
      readonly requestId: number;
      readonly keys: AdditionalKeys;
    }
  | {
      readonly kind: 'awaiting-intermediate-response';
      readonly keys: AdditionalKeys;
      readonly secret: KeyExchangeSecret;
      readonly messageId: number;
      /** Our request, as both sides authenticate it. */
      readonly request: Uint8Array;
    }
  | {
      readonly kind: 'agreeing-additional-key';
      readonly requestId: number;
      readonly keys: AdditionalKeys;
      readonly exchange: IntermediateExchange;
    }
  | {
      readonly kind: 'making-own-proof';
      readonly requestId: number;
      readonly transcript: InitTranscript;
      readonly localIdentity: Identity;
      readonly askedFor: Identity;
      /** The one with a post-quantum pre-shared key in it, while the one without is made. @see RFC 8784 §3 */
      readonly proof: MadeProof | undefined;
    }
  | { readonly kind: 'awaiting-auth-response'; readonly offer: AuthOffer }
  | {
      readonly kind: 'checking-peer-proof';
      readonly requestId: number | undefined;
      readonly offer: AuthOffer;
      readonly payloads: readonly Payload[];
    }
  | {
      readonly kind: 'making-eap-response';
      readonly requestId: number;
      readonly offer: AuthOffer;
      /** The peer has ended the conversation, and with it the IKE SA. */
      readonly isFailed: boolean;
    }
  | {
      readonly kind: 'installing-first-child';
      readonly requestId: number;
      readonly child: NegotiatedChild;
    }
  | { readonly kind: 'awaiting-restart' }
  | {
      readonly kind: 'generating-response-key';
      readonly requestId: number;
      readonly answer: InitAnswer;
    }
  | {
      readonly kind: 'agreeing-response-key';
      readonly requestId: number;
      readonly answer: InitAnswer;
      readonly publicValue: Uint8Array;
    }
  | { readonly kind: 'awaiting-intermediate-request'; readonly keys: AdditionalKeys }
  | {
      readonly kind: 'making-intermediate-response';
      readonly requestId: number;
      readonly keys: AdditionalKeys;
      /** The peer's request, as both sides authenticate it. */
      readonly request: Uint8Array;
    }
  | { readonly kind: 'awaiting-auth-request'; readonly transcript: InitTranscript }
  | {
      readonly kind: 'checking-initiator-proof';
      readonly requestId: number;
      readonly request: AuthRequest;
      /** Other connections that the peer may belong to, should it not prove itself for this one. */
      readonly others: readonly ChosenConnection[];
      /** Why it was not believed for the best one. */
      readonly refusal: SessionFailure | undefined;
    }
  | {
      readonly kind: 'proving-before-eap';
      readonly requestId: number;
      readonly request: AuthRequest;
      readonly others: readonly ChosenConnection[];
    }
  | {
      readonly kind: 'making-eap-request';
      readonly requestId: number;
      readonly request: AuthRequest;
      /** Other connections that the peer may belong to, by what it proves to be. */
      readonly others: readonly ChosenConnection[];
      /** What goes before the EAP payload: in the first response, our proof. */
      readonly before: readonly Payload[];
    }
  | {
      readonly kind: 'awaiting-eap-response';
      readonly request: AuthRequest;
      readonly others: readonly ChosenConnection[];
    }
  | {
      readonly kind: 'making-response-proof';
      /** `undefined`: its answer is there, and waits. */
      readonly requestId: number | undefined;
      readonly request: AuthRequest;
    }
  | {
      readonly kind: 'leasing-addresses';
      readonly requestId: number;
      readonly request: AuthRequest;
      readonly authPayloads: readonly Payload[];
    }
  | {
      readonly kind: 'installing-response-child';
      readonly requestId: number;
      readonly child: NegotiatedChild;
      readonly authPayloads: readonly Payload[];
      readonly childPayloads: readonly Payload[];
      readonly lease: Lease | undefined;
    }
  | { readonly kind: 'established' }
  | { readonly kind: 'ending'; readonly failure: SessionFailure }
  | { readonly kind: 'lingering' }
  | { readonly kind: 'closed' };

/** The variant of {@link SessionState} of one kind. */
export type StateOf<Kind extends StateKind> = Extract<SessionState, { readonly kind: Kind }>;

/** Moves a session from one state to another; a transition that `SESSION_STATES` lacks does not compile.
 * @throws Error when the session is not in state `from`: a bug of this package.
 */
export function moveTo<Kind extends StateKind>(
  session: { state: SessionState },
  from: Kind,
  to: StateOf<NextState<Kind>>,
): void {
  if (session.state.kind !== from)
    throw new Error(`session moved from "${from}" while in "${session.state.kind}"`);
  session.state = to;
}
