import type { CryptoProvider, KeyMaterial, RandomSource } from '@ipsec-kit/crypto';
import type { TlsReply, TlsRequest } from './tls/tls-work.ts';

/** What a method asks its driver for; the answer has the same kind. */
export type EapWork =
  /** The password of a user: the peer's own, or the one that the authenticator compares with. In UTF-8. */
  | { readonly kind: 'password'; readonly user: Uint8Array }
  /** Whether a password (or one-time password, EAP-GTC) is the user's; the driver compares it in constant time, or asks a directory. */
  | { readonly kind: 'check-password'; readonly user: Uint8Array; readonly password: KeyMaterial }
  /** What the user answers to a question of the authenticator (EAP-GTC). `prompt` is the peer's text, not checked. */
  | { readonly kind: 'token'; readonly prompt: Uint8Array }
  /** TLS, by the engine of the conversation. */
  | { readonly kind: 'tls'; readonly tls: TlsRequest }
  /** Work of a method that is not in this package (SIM and AKA on a card): `operation` and `input` are the method's own. */
  | { readonly kind: 'method'; readonly operation: string; readonly input: Uint8Array };

/** The answer to a piece of {@link EapWork}. */
export type EapAnswer =
  /** Without a password there is no such user, or no password for oneself. */
  | { readonly kind: 'password'; readonly password?: KeyMaterial }
  | { readonly kind: 'check-password'; readonly isRight: boolean }
  | { readonly kind: 'token'; readonly token?: KeyMaterial }
  | { readonly kind: 'tls'; readonly tls: TlsReply }
  | {
      readonly kind: 'method';
      readonly output: Uint8Array;
      readonly secret?: KeyMaterial;
      readonly status: 'more' | 'done' | 'failed';
    }
  /** The driver could not do it. */
  | { readonly kind: 'failed' };

/** Why a conversation failed. */
export type EapFailure =
  /** The other end ended it. */
  | 'refused'
  /** No method in common. */
  | 'no-method'
  /** A password, challenge or response was wrong, or there is no such user. */
  | 'wrong-credentials'
  /** The authenticator has not shown that it knows the password. */
  | 'server-not-authenticated'
  /** EAP-Success before the method was through. */
  | 'unexpected-success'
  | 'protocol-error'
  | 'too-many-rounds'
  /** The driver could not do its work. */
  | 'work-failed';

/** What a method does next. */
export type EapStep =
  /** Type-Data of the next response (peer) or request (authenticator). */
  | { readonly kind: 'send'; readonly data: Uint8Array }
  | { readonly kind: 'work'; readonly work: EapWork }
  /** The packet is discarded in silence (RFC 3748 §2.1). */
  | { readonly kind: 'ignore' }
  | { readonly kind: 'fail'; readonly reason: EapFailure }
  /** Authenticator only: the peer is authenticated as `user`, which need not be what it said in its Identity response. */
  | { readonly kind: 'succeed'; readonly user: Uint8Array; readonly msk?: KeyMaterial };

/** What a method gets to work with. */
export interface EapMethodContext {
  readonly crypto: Pick<CryptoProvider, 'sha1'>;
  readonly random: RandomSource;
  /** The peer's identity, as it stood in the Identity response or was configured. */
  readonly identity: Uint8Array;
}

/** The peer's half of a method, for one conversation. Never throws, whatever comes. */
export interface EapPeerMethod {
  /** A request: its Type-Data and identifier. */
  request(data: Uint8Array, identifier: number): EapStep;
  /** The answer to the work that was asked for last. */
  answer(answer: EapAnswer): EapStep;
  /** What an EAP-Success means now; `undefined` while the method is not through, so that it means nothing. */
  readonly outcome: { readonly msk?: KeyMaterial } | undefined;
  /** Why the method has failed already, while the authenticator has yet to say so; `refused` when absent. */
  readonly failure?: EapFailure | undefined;
}

/** The authenticator's half of a method, for one conversation. Never throws, whatever comes. */
export interface EapAuthenticatorMethod {
  /** The first request. @param identifier - that it will have */
  start(identifier: number): EapStep;
  /** A response to the last request: its Type-Data and identifier. */
  response(data: Uint8Array, identifier: number): EapStep;
  answer(answer: EapAnswer): EapStep;
}

/** A method by its type: write one of these for what this package does not have, such as SIM and AKA. */
export interface EapMethod {
  /** `EapType.*`, 4 to 253. */
  readonly type: number;
  readonly name: string;
  /** Fit for EAP-only authentication in IKEv2: it makes an MSK, both ends authenticate, and it resists guessing. @see RFC 5998 §4 */
  readonly isMutual: boolean;
  createPeer(context: EapMethodContext): EapPeerMethod;
  createAuthenticator(context: EapMethodContext): EapAuthenticatorMethod;
}
