import type { Instant } from '@ipsec-kit/clock';
import type { CipherSuite } from '@ipsec-kit/crypto';
import type { TrafficSelector } from '@ipsec-kit/ip';
import type { ChildConfig, ChildMode } from '../config.ts';

/** One installed Child SA: a pair of ESP SAs. */
export interface ChildSa {
  /** What the packet path calls it. */
  readonly id: number;
  /** The first of those that it replaces, one after the other: to their user they are one. */
  readonly origin: number;
  readonly config: ChildConfig;
  /** The SPI of packets to us: what our DELETE names. */
  readonly inboundSpi: number;
  /** The SPI of packets to the peer: what its DELETE names. */
  readonly outboundSpi: number;
  readonly suite: CipherSuite;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
  readonly mode: ChildMode;
  /** Whether its sequence numbers are extended. */
  readonly esn: boolean;
  /** ESP packets that it has sent, as the packet path told last. */
  packetsOut: number;
  /** When it is to be replaced; `undefined` once that has begun, or when it is not by time. */
  softAt: Instant | undefined;
  expiresAt: Instant | undefined;
  /** The peer has refused or put off its replacement: the packet path's wish for one waits until then. */
  retryAt: Instant | undefined;
  /** Whether a late wake has put its end off already: once only. */
  isEndPutOff: boolean;
  /** Whether its user knows it under this id: of a Child SA and its replacement only one is. */
  isAnnounced: boolean;
  /** How often the peer has put its replacement off. */
  postponements: number;
  /** Whether our packets may use it; a responder's waits for a sign that the peer has it. */
  isActive: boolean;
  /** When it is used in any case. */
  activateAt: Instant | undefined;
  /** It is to be replaced as soon as it is used: before, the peer may not have it. */
  isRekeyDue: boolean;
  /** The Child SA that has taken its place, by rekey or reauthentication. */
  replacedBy: number | undefined;
  /** The peer has asked for it, beside those that there were. */
  readonly isFromPeer: boolean;
  /** Both sides have replaced the same one, and the one of the other exchange stays: whoever began this one deletes it.
   * @see RFC 7296 §2.8.1
   */
  isRedundant: boolean;
  /** A reauthentication has asked for it in the new IKE SA: once only. */
  isMoved: boolean;
  /** Its newest packet came from another path than the one that it uses. */
  isElsewhere?: boolean;
  /** Why our DELETE is on its way, or waits, once it does. */
  deleting: string | undefined;
  /** It has left: the peer may know. */
  isDeleteSent: boolean;
  /** The peer has asked for it in a new IKE SA meanwhile, and was put off: it does not know. */
  isAskedFor: boolean;
  /** What is told of its end: that traffic shall open it again. */
  endAction: 'none' | 'trap';
}

/** A Child SA that both sides have deleted and another has replaced: it still receives, until `until`. */
export interface RetiredChild {
  readonly id: number;
  readonly inboundSpi: number;
  readonly until: Instant;
}
