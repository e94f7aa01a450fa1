import type { CipherSuite } from '@ipsec-kit/crypto';
import { findNotify, NotifyType, type Payload } from '@ipsec-kit/ikev2-codec';
import type { TrafficSelector } from '@ipsec-kit/ip';
import type { ChildConfig, ChildMode, ConnectionConfig } from '../config.ts';
import type { TransportAddresses } from '../endpoint-work.ts';
import type { ChildKeys } from '../keys/child-keys.ts';
import type { ChildSa } from './child-sa.ts';

/** A Child SA that a reauthentication asks for again in the new IKE SA. */
export interface Moved {
  readonly origin: number;
  /** The first id that none had yet when it was asked for. */
  readonly before: number;
}

/** A Child SA that both sides agreed on and that is not installed yet. */
export interface NegotiatedChild {
  readonly id: number;
  readonly connection: ConnectionConfig;
  readonly config: ChildConfig;
  readonly suite: CipherSuite;
  /** Our SPI, which the peer puts into the packets it sends us. */
  readonly inboundSpi: number;
  readonly outboundSpi: number;
  readonly inboundKeys: ChildKeys['fromInitiator'];
  readonly outboundKeys: ChildKeys['fromInitiator'];
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
  /** Whether both use extended sequence numbers. */
  readonly esn: boolean;
  /** Whether the peer takes packets that are padded against traffic analysis. */
  readonly peerTakesTfc: boolean;
  /** Both sides want transport mode: between these addresses. Absent: a tunnel. */
  readonly transportAddresses?: TransportAddresses;
  /** The Child SA that it takes the place of, by rekey or reauthentication. */
  readonly replaces?: number;
  /** That itself, where it is our rekey: the peer may have deleted it before the answer came. */
  readonly rekeyed?: ChildSa | undefined;
  /** A reauthentication has moved that, or this one, already: nothing is sent on it. */
  readonly isPassedOver?: boolean;
  /** Whose place it was asked to take in a reauthentication. */
  readonly moves?: Moved | undefined;
  /** Our packets wait for a sign that the peer has it: it was the peer who asked for the replacement. */
  readonly waitsForPeer?: boolean;
  /** It is the peer who asked for it, and our answer has not left: what it asks for may still be refused. */
  readonly isUnanswered?: boolean;
  /** It is the peer who asked for it, in IKE_AUTH or after, and not to rekey another. */
  readonly isFromPeer?: boolean;
  /** Both sides have replaced the same one, and this one loses: it receives until it is deleted. @see RFC 7296 §2.8.1 */
  readonly isRedundant?: boolean;
}

/** The mode of a Child SA that was agreed. @see RFC 7296 §1.3.1 */
export function modeOf({
  transportAddresses,
}: Pick<NegotiatedChild, 'transportAddresses'>): ChildMode {
  return transportAddresses ? 'transport' : 'tunnel';
}

/** Whether a peer that sent these payloads takes packets that are padded against traffic analysis. @see RFC 7296 §1.3.1, §3.10.1 */
export function takesTfc(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED) === undefined;
}
