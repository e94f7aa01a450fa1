import type { CryptoProvider, KeyMaterial } from '@ipsec-kit/crypto';

/** What both ends sign, MAC or check; `prf` is the negotiated PRF. */
interface SignedOctetsBase {
  readonly provider: CryptoProvider;
  readonly prf: number;
  /** IntAuth of RFC 9242 §3.3.2, when there were IKE_INTERMEDIATE exchanges: it comes last. */
  readonly intAuth?: Uint8Array;
}

/** The octets that the initiator authenticates itself with: RealMessage1 | NonceRData | prf(SK_pi, RestOfInitIDPayload). */
export interface InitiatorSignedOctetsInput extends SignedOctetsBase {
  /** The IKE_SA_INIT request, the last one that was sent when there were several, from the first SPI octet on:
   * without the non-ESP marker of port 4500.
   */
  readonly request: Uint8Array;
  readonly responderNonce: Uint8Array;
  readonly skPi: KeyMaterial;
  /** Body of the IDi payload without the generic header: type, reserved octets as they were on the wire, data (`idPayloadBody` of the codec). */
  readonly initiatorIdBody: Uint8Array;
}

/** The octets that the responder authenticates itself with: RealMessage2 | NonceIData | prf(SK_pr, RestOfRespIDPayload). */
export interface ResponderSignedOctetsInput extends SignedOctetsBase {
  /** The IKE_SA_INIT response, from the first SPI octet on, without the non-ESP marker. */
  readonly response: Uint8Array;
  readonly initiatorNonce: Uint8Array;
  readonly skPr: KeyMaterial;
  /** Body of the IDr payload without the generic header. */
  readonly responderIdBody: Uint8Array;
}

/** InitiatorSignedOctets. @see RFC 7296 §2.15, RFC 9242 §3.3.2 */
export function initiatorSignedOctets(input: InitiatorSignedOctetsInput): Uint8Array {
  const { provider, prf, request, responderNonce, skPi, initiatorIdBody, intAuth } = input;
  return concatenate(request, responderNonce, provider.prf(prf, skPi, initiatorIdBody), intAuth);
}

/** ResponderSignedOctets. @see RFC 7296 §2.15, RFC 9242 §3.3.2 */
export function responderSignedOctets(input: ResponderSignedOctetsInput): Uint8Array {
  const { provider, prf, response, initiatorNonce, skPr, responderIdBody, intAuth } = input;
  return concatenate(response, initiatorNonce, provider.prf(prf, skPr, responderIdBody), intAuth);
}

function concatenate(...some: readonly (Uint8Array | undefined)[]): Uint8Array {
  const parts = some.filter((part) => part !== undefined);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
