import type { CryptoProvider } from '@ipsec-kit/crypto';
import {
  type EncryptedPayload,
  encodeMessage,
  encodePayloads,
  HEADER_BYTES,
  type IkeHeader,
  type Payload,
  PayloadType,
} from '@ipsec-kit/ikev2-codec';
import { concatBytes } from '../keys/concat-bytes.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IntAuthChains, IntermediateExchange } from '../session/session-state.ts';

/** Where the fields of the IKE header lie that depend on how the message is delivered. @see RFC 7296 §3.1 */
const NEXT_PAYLOAD_AT = 16;
const LENGTH_AT = 24;
/** Bytes of a generic payload header. @see RFC 7296 §3.2 */
const PAYLOAD_HEADER_BYTES = 4;

/** An IKE_INTERMEDIATE message as both sides authenticate it, however it was delivered: the IKE header and the header of its
 * Encrypted payload with lengths that count nothing but what is inside (A), and the payloads inside (P).
 * @param message - the message, or any of its fragments; only the IKE header is read. Nothing stands in front of the Encrypted
 * payload: IKE_INTERMEDIATE has nothing unprotected yet.
 * @see RFC 9242 §3.3.2
 */
export function intermediateOctets(
  message: Uint8Array,
  encrypted: Pick<EncryptedPayload, 'firstPayload'> & { readonly reserved: number },
  content: Uint8Array,
): Uint8Array {
  const header = message.slice(0, HEADER_BYTES);
  header[NEXT_PAYLOAD_AT] = PayloadType.SK;
  const bytes = PAYLOAD_HEADER_BYTES + content.length;
  new DataView(header.buffer).setUint32(LENGTH_AT, HEADER_BYTES + bytes);
  const generic = Uint8Array.of(
    encrypted.firstPayload,
    encrypted.reserved,
    bytes >> 8,
    bytes & 0xff,
  );
  return concatBytes(header, generic, content);
}

/** The same of a message that we send. */
export function ownIntermediateOctets(header: IkeHeader, payloads: readonly Payload[]): Uint8Array {
  const { firstPayload, bytes } = encodePayloads(payloads);
  const message = encodeMessage({ header, payloads: [] });
  return intermediateOctets(message, { firstPayload, reserved: 0 }, bytes);
}

/** IntAuth_i and IntAuth_r with one more exchange, under the SK_pi and SK_pr from before it. @see RFC 9242 §3.3.2 */
export function chainIntAuth(
  crypto: CryptoProvider,
  { suite, keys }: IkeSa,
  { initiator, responder }: IntAuthChains,
  exchange: Pick<IntermediateExchange, 'request' | 'response'>,
): IntAuthChains {
  return {
    initiator: crypto.prf(suite.prf, keys.skPi, initiator, exchange.request),
    responder: crypto.prf(suite.prf, keys.skPr, responder, exchange.response),
  };
}

/** IntAuth, the end of what both sides sign: IntAuth_iN | IntAuth_rN | IKE_AUTH_MID.
 * @param authMessageId - message id of the first IKE_AUTH request.
 * @see RFC 9242 §3.3.2
 */
export function intAuth(
  { initiator, responder }: IntAuthChains,
  authMessageId: number,
): Uint8Array {
  const messageId = new Uint8Array(4);
  new DataView(messageId.buffer).setUint32(0, authMessageId);
  return concatBytes(initiator, responder, messageId);
}
