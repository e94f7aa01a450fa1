import { type DecodeResult, decoded } from './decode-result.ts';
import type { Payload } from './message.ts';
import { decodeAuth } from './payloads/authentication.ts';
import { decodeCert } from './payloads/certificate.ts';
import { decodeConfig } from './payloads/configuration.ts';
import { decodeDelete } from './payloads/delete.ts';
import { decodeEap } from './payloads/eap.ts';
import { decodeEncrypted, decodeEncryptedFragment } from './payloads/encrypted.ts';
import { decodeId } from './payloads/identification.ts';
import { decodeKe } from './payloads/key-exchange.ts';
import { decodeNonce } from './payloads/nonce.ts';
import { decodeNotify } from './payloads/notify.ts';
import { decodeSa } from './payloads/security-association.ts';
import { decodeTs } from './payloads/traffic-selectors.ts';
import { PayloadType } from './registries/payload-type.ts';

/** Decodes the body of one payload by its type number; a type that this codec does not know is kept raw.
 * @param nextPayload - the Next Payload field, which SK and SKF use for what is inside.
 * @param body - without the generic payload header.
 */
export function decodePayload(
  payloadType: number,
  nextPayload: number,
  body: Uint8Array,
): DecodeResult<Payload> {
  switch (payloadType) {
    case PayloadType.SA:
      return decodeSa(body);
    case PayloadType.KE:
      return decodeKe(body);
    case PayloadType.IDi:
      return decodeId('IDi', body);
    case PayloadType.IDr:
      return decodeId('IDr', body);
    case PayloadType.CERT:
      return decodeCert('CERT', body);
    case PayloadType.CERTREQ:
      return decodeCert('CERTREQ', body);
    case PayloadType.AUTH:
      return decodeAuth(body);
    case PayloadType.Nonce:
      return decodeNonce(body);
    case PayloadType.N:
      return decodeNotify(body);
    case PayloadType.D:
      return decodeDelete(body);
    case PayloadType.V:
      return decoded({ type: 'V', data: body });
    case PayloadType.TSi:
      return decodeTs('TSi', body);
    case PayloadType.TSr:
      return decodeTs('TSr', body);
    case PayloadType.SK:
      return decodeEncrypted(nextPayload, body);
    case PayloadType.CP:
      return decodeConfig(body);
    case PayloadType.EAP:
      return decodeEap(body);
    case PayloadType.SKF:
      return decodeEncryptedFragment(nextPayload, body);
    default:
      return decoded({ type: 'unknown', payloadType, data: body });
  }
}
