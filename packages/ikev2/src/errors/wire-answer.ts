import { type DecodeErrorCode, NotifyType } from '@ipsec-kit/ikev2-codec';

/** Everything that can be wrong with a message of a peer. */
export type ProtocolError =
  /** It could not be decoded; inside SK when `isProtected`. */
  | { readonly code: 'malformed'; readonly decode: DecodeErrorCode; readonly isProtected: boolean }
  | { readonly code: 'unsupported-critical-payload'; readonly payloadType: number }
  /** A payload that the exchange needs is not there, or is there twice. */
  | { readonly code: 'missing-payload'; readonly payload: string }
  /** A version above ours. */
  | { readonly code: 'unsupported-major-version' }
  | { readonly code: 'unknown-ike-spi' }
  | { readonly code: 'bad-icv' }
  | { readonly code: 'outside-window' }
  | { readonly code: 'no-proposal-chosen' }
  | { readonly code: 'invalid-ke-payload'; readonly method: number }
  | { readonly code: 'nat-traversal-refused' }
  | { readonly code: 'authentication-failed' }
  | { readonly code: 'internal-address-failure' }
  | { readonly code: 'ts-unacceptable' }
  | { readonly code: 'no-additional-sas' }
  | { readonly code: 'temporary-failure' }
  | { readonly code: 'unknown-exchange' }
  | { readonly code: 'too-many-sessions' };

/** What the wire gets for an error. */
export type WireAnswer =
  | { readonly kind: 'silence' }
  | {
      readonly kind: 'notify';
      readonly notify: number;
      readonly data: Uint8Array;
      /** Whether the IKE SA ends with this answer, without a Delete payload. @see RFC 7296 §2.21.2, §2.21.3 */
      readonly endsIkeSa: boolean;
    };

const NO_DATA = new Uint8Array(0);
const SILENCE: WireAnswer = { kind: 'silence' };
const MAJOR_VERSION = 2;

/** The one map from errors to answers.
 * @param isAuthenticated - whether the IKE SA had been authenticated before this request: before, three errors end it
 * (UNSUPPORTED_CRITICAL_PAYLOAD, INVALID_SYNTAX, AUTHENTICATION_FAILED); after, only INVALID_SYNTAX does.
 * @see RFC 7296 §2.5, §2.21, §3.10.1
 */
export function wireAnswer(error: ProtocolError, isAuthenticated: boolean): WireAnswer {
  switch (error.code) {
    case 'malformed':
      // RFC 7296 §3.10.1: INVALID_SYNTAX only inside an encrypted message whose checksum was valid.
      return error.isProtected ? answer(NotifyType.INVALID_SYNTAX, true) : SILENCE;
    case 'missing-payload':
    case 'unknown-exchange':
      return answer(NotifyType.INVALID_SYNTAX, true);
    case 'unsupported-critical-payload':
      return answer(
        NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD,
        !isAuthenticated,
        Uint8Array.of(error.payloadType),
      );
    case 'unsupported-major-version':
      return answer(NotifyType.INVALID_MAJOR_VERSION, false, Uint8Array.of(MAJOR_VERSION));
    case 'unknown-ike-spi':
      return answer(NotifyType.INVALID_IKE_SPI, false);
    case 'no-proposal-chosen':
      return answer(NotifyType.NO_PROPOSAL_CHOSEN, false);
    case 'invalid-ke-payload':
      return answer(
        NotifyType.INVALID_KE_PAYLOAD,
        false,
        Uint8Array.of(error.method >> 8, error.method & 0xff),
      );
    case 'nat-traversal-refused':
      // There is no notification for it; NO_PROPOSAL_CHOSEN says "for whatever reason" (RFC 7296 §3.10.1).
      return answer(NotifyType.NO_PROPOSAL_CHOSEN, false);
    case 'authentication-failed':
      return answer(NotifyType.AUTHENTICATION_FAILED, true);
    case 'internal-address-failure':
      return answer(NotifyType.INTERNAL_ADDRESS_FAILURE, false);
    case 'ts-unacceptable':
      return answer(NotifyType.TS_UNACCEPTABLE, false);
    case 'no-additional-sas':
      return answer(NotifyType.NO_ADDITIONAL_SAS, false);
    case 'temporary-failure':
      return answer(NotifyType.TEMPORARY_FAILURE, false);
    case 'bad-icv':
    case 'outside-window':
    case 'too-many-sessions':
      return SILENCE;
    default:
      return unreachable(error);
  }
}

function answer(notify: number, endsIkeSa: boolean, data: Uint8Array = NO_DATA): WireAnswer {
  return { kind: 'notify', notify, data, endsIkeSa };
}

function unreachable(error: never): never {
  throw new Error(`unhandled error ${JSON.stringify(error)}`);
}
