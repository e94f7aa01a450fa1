import type { TrafficSelector } from '@ipsec-kit/ip';

/** The IKE header. @see RFC 7296 §3.1 */
export interface IkeHeader {
  /** 64-bit SPI of the IKE SA's initiator; never 0 but in what the codec reports as malformed. */
  readonly initiatorSpi: bigint;
  /** 0 in the first IKE_SA_INIT request. */
  readonly responderSpi: bigint;
  readonly majorVersion: number;
  readonly minorVersion: number;
  /** `ExchangeType.*`; unknown numbers are kept. */
  readonly exchangeType: number;
  /** The I flag: the sender is the original initiator of the IKE SA. */
  readonly isInitiator: boolean;
  /** The R flag. */
  readonly isResponse: boolean;
  /** The V flag: the sender speaks a higher major version. */
  readonly higherVersion: boolean;
  readonly messageId: number;
}

/** One transform: type, IANA id and, for ciphers of variable key length, its bits. @see RFC 7296 §3.3.2 */
export interface Transform {
  readonly type: number;
  readonly id: number;
  readonly keyBits?: number;
  /** Attributes other than a leading Key Length, raw and in order: a transform that has any is not acceptable. */
  readonly unknownAttributes?: readonly Uint8Array[];
}

/** One proposal. @see RFC 7296 §3.3.1 */
export interface Proposal {
  readonly number: number;
  /** `ProtocolId.*` */
  readonly protocol: number;
  /** Empty, 4 (ESP, AH) or 8 bytes (IKE). */
  readonly spi: Uint8Array;
  readonly transforms: readonly Transform[];
}

interface PayloadBase {
  /** Present and true when the critical bit was set; left out in what is built. */
  readonly critical?: boolean;
}

export interface SaPayload extends PayloadBase {
  readonly type: 'SA';
  readonly proposals: readonly Proposal[];
}
export interface KePayload extends PayloadBase {
  readonly type: 'KE';
  readonly method: number;
  readonly data: Uint8Array;
}
export interface IdPayload extends PayloadBase {
  readonly type: 'IDi' | 'IDr';
  readonly idType: number;
  readonly data: Uint8Array;
  /** The 24 reserved bits, only when the peer did not send zero: AUTH covers them as they were received (RFC 7296 §2.15). */
  readonly reserved?: number;
}
export interface CertPayload extends PayloadBase {
  readonly type: 'CERT' | 'CERTREQ';
  readonly encoding: number;
  readonly data: Uint8Array;
}
export interface AuthPayload extends PayloadBase {
  readonly type: 'AUTH';
  readonly method: number;
  readonly data: Uint8Array;
}
export interface NoncePayload extends PayloadBase {
  readonly type: 'Nonce';
  readonly data: Uint8Array;
}
export interface NotifyPayload extends PayloadBase {
  readonly type: 'N';
  readonly protocol: number;
  readonly spi: Uint8Array;
  /** `NotifyType.*`; unknown numbers are kept. */
  readonly notify: number;
  readonly data: Uint8Array;
}
export interface DeletePayload extends PayloadBase {
  readonly type: 'D';
  readonly protocol: number;
  /** 4-byte SPIs for ESP and AH, none for IKE. */
  readonly spis: readonly Uint8Array[];
}
export interface VendorIdPayload extends PayloadBase {
  readonly type: 'V';
  readonly data: Uint8Array;
}
export interface TsPayload extends PayloadBase {
  readonly type: 'TSi' | 'TSr';
  readonly selectors: readonly (TrafficSelector | RawTrafficSelector)[];
}
/** A traffic selector of a type that this codec does not know; `raw` is the whole selector. */
export interface RawTrafficSelector {
  readonly tsType: number;
  readonly raw: Uint8Array;
}
/** The configuration payload. @see RFC 7296 §3.15 */
export interface ConfigPayload extends PayloadBase {
  readonly type: 'CP';
  /** `ConfigType.*` */
  readonly configType: number;
  readonly attributes: readonly ConfigAttribute[];
}
export interface ConfigAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}
export interface EapPayload extends PayloadBase {
  readonly type: 'EAP';
  readonly data: Uint8Array;
}
/** SK: IV, ciphertext and ICV, still protected. `firstPayload` is the type of the first payload inside. */
export interface EncryptedPayload extends PayloadBase {
  readonly type: 'SK';
  readonly firstPayload: number;
  readonly body: Uint8Array;
}
/** SKF: one fragment, still protected. @see RFC 7383 §2.5 */
export interface EncryptedFragmentPayload extends PayloadBase {
  readonly type: 'SKF';
  /** 0 in every fragment but the first. */
  readonly firstPayload: number;
  readonly fragmentNumber: number;
  readonly totalFragments: number;
  readonly body: Uint8Array;
}
/** A payload that this codec does not know, raw, so that it is re-encoded byte-exact. */
export interface UnknownPayload extends PayloadBase {
  readonly type: 'unknown';
  readonly payloadType: number;
  readonly data: Uint8Array;
}

export type Payload =
  | SaPayload
  | KePayload
  | IdPayload
  | CertPayload
  | AuthPayload
  | NoncePayload
  | NotifyPayload
  | DeletePayload
  | VendorIdPayload
  | TsPayload
  | ConfigPayload
  | EapPayload
  | EncryptedPayload
  | EncryptedFragmentPayload
  | UnknownPayload;

/** A whole message: the header and its payloads in the order of the wire. */
export interface IkeMessage {
  readonly header: IkeHeader;
  readonly payloads: readonly Payload[];
}
