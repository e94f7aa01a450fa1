import type { CryptoProvider, PacketCipher } from '@ipsec-kit/crypto';
import type { IkeHeader } from '@ipsec-kit/ikev2-codec';
import { type RequestWindow, ResponseWindow } from '@ipsec-kit/retransmit';
import { eraseIkeKeys, type IkeKeys } from '../keys/ike-keys.ts';
import type { IkeSuite } from '../keys/ike-suite.ts';
import { erasePpkKeys, type PpkKeys } from '../keys/ppk-keys.ts';
import { Reassembly } from '../protect/reassembly.ts';
import type { MessageSealer } from '../protect/seal-message.ts';

/** One IKE SA: a pair of SPIs, its keys and its message ids. A session outlives it: a rekey replaces it. */
export interface IkeSa {
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  /** Whether we are the original initiator of this IKE SA: the I flag of what we send. */
  readonly isInitiator: boolean;
  readonly suite: IkeSuite;
  readonly keys: IkeKeys;
  /** The three of them that a post-quantum pre-shared key has changed, as they were, while the peer may do without. @see RFC 8784 §3 */
  readonly withoutPpk?: PpkKeys;
  readonly sealer: MessageSealer;
  readonly opener: PacketCipher;
  /** The peer's last request under the keys before these: it may come again. @see RFC 9242 §3.3.1 */
  readonly before?: { readonly messageId: number; readonly opener: PacketCipher };
  readonly requests: RequestWindow;
  readonly responses: ResponseWindow;
  /** Fragments of the peer's requests, and of its responses. */
  readonly requestFragments: Reassembly;
  readonly responseFragments: Reassembly;
}

/** Makes an IKE SA from its keys. The windows stand behind IKE_SA_INIT, which used message id 0.
 * @param requests - its request window; the initiator's went through IKE_SA_INIT with it.
 * @param firstRequestOfPeer - message id of the peer's first request; 0 in both directions after a rekey.
 */
export function createIkeSa(
  crypto: CryptoProvider,
  parts: Pick<IkeSa, 'initiatorSpi' | 'responderSpi' | 'isInitiator' | 'suite' | 'keys'> & {
    readonly requests: RequestWindow;
  },
  firstRequestOfPeer: number = parts.isInitiator ? 0 : 1,
): IkeSa {
  const { suite, keys } = parts;
  const initiatorCipher = crypto.createCipher(suite.cipher, {
    encryption: keys.skEi,
    integrity: keys.skAi,
  });
  const responderCipher = crypto.createCipher(suite.cipher, {
    encryption: keys.skEr,
    integrity: keys.skAr,
  });
  return {
    ...parts,
    sealer: { cipher: parts.isInitiator ? initiatorCipher : responderCipher, sealed: 0n },
    opener: parts.isInitiator ? responderCipher : initiatorCipher,
    // Each direction counts its own ids: the peer's requests begin at 0 when we are the initiator. @see RFC 7296 §2.2
    responses: new ResponseWindow({ firstMessageId: firstRequestOfPeer }),
    requestFragments: new Reassembly(),
    responseFragments: new Reassembly(),
  };
}

/** The same IKE SA under the keys that an additional key exchange has given: SPIs, message ids and what is kept for
 * retransmissions stay. The keys before are erased.
 * @see RFC 9370 §2.2.2
 */
export function withNextKeys(crypto: CryptoProvider, sa: IkeSa, keys: IkeKeys): IkeSa {
  const { initiatorSpi, responderSpi, isInitiator, suite, requests, responses } = sa;
  const fresh = createIkeSa(crypto, {
    ...{ initiatorSpi, responderSpi, isInitiator, suite, keys, requests },
  });
  const { requestFragments, responseFragments, opener } = sa;
  const messageId = responses.expectedMessageId - 1;
  eraseIkeKeys(sa.keys);
  return {
    ...fresh,
    responses,
    requestFragments,
    responseFragments,
    before: { messageId, opener },
  };
}

/** The same IKE SA as it is for a peer that does without the post-quantum pre-shared key, while that is not known. */
export function beforePpk(sa: IkeSa): IkeSa {
  return sa.withoutPpk ? { ...sa, keys: { ...sa.keys, ...sa.withoutPpk } } : sa;
}

/** The same IKE SA without the post-quantum pre-shared key that the peer does without. @see RFC 8784 §3 */
export function dropPpk({ withoutPpk, ...sa }: IkeSa): IkeSa {
  if (!withoutPpk) return sa;
  erasePpkKeys(sa.keys);
  return { ...sa, keys: { ...sa.keys, ...withoutPpk } };
}

/** What opens a message of the peer. */
export function openerFor(
  sa: IkeSa,
  message: Pick<IkeHeader, 'isResponse' | 'messageId'>,
): PacketCipher {
  const isBefore = !message.isResponse && sa.before?.messageId === message.messageId;
  return isBefore && sa.before ? sa.before.opener : sa.opener;
}

/** Our SPI of an IKE SA: the key under which its messages find the session. */
export function ownSpi(sa: Pick<IkeSa, 'initiatorSpi' | 'responderSpi' | 'isInitiator'>): bigint {
  return sa.isInitiator ? sa.initiatorSpi : sa.responderSpi;
}

/** Both SPIs of an IKE SA, as events have them; 0 of one that has none yet. */
export function spisOf(sa: Pick<IkeSa, 'initiatorSpi' | 'responderSpi'> | undefined): {
  readonly initiator: bigint;
  readonly responder: bigint;
} {
  return { initiator: sa?.initiatorSpi ?? 0n, responder: sa?.responderSpi ?? 0n };
}

/** The header of a message under an IKE SA. */
export function headerOf(
  sa: Pick<IkeSa, 'initiatorSpi' | 'responderSpi' | 'isInitiator'>,
  message: Pick<IkeHeader, 'exchangeType' | 'isResponse' | 'messageId'>,
): IkeHeader {
  return {
    initiatorSpi: sa.initiatorSpi,
    responderSpi: sa.responderSpi,
    majorVersion: 2,
    minorVersion: 0,
    exchangeType: message.exchangeType,
    isInitiator: sa.isInitiator,
    isResponse: message.isResponse,
    higherVersion: false,
    messageId: message.messageId,
  };
}

/** Forgets the secrets of an IKE SA that has ended. */
export function eraseIkeSa(sa: IkeSa): void {
  sa.requests.clear();
  if (sa.withoutPpk) erasePpkKeys(sa.withoutPpk);
  eraseIkeKeys(sa.keys);
}
