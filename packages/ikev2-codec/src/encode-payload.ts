import type { ByteWriter } from './byte-writer.ts';
import { PAYLOAD_HEADER_BYTES } from './limits.ts';
import type { Payload } from './message.ts';
import { ApiMisuseError } from './misuse.ts';
import { authBytes, writeAuth } from './payloads/authentication.ts';
import { certBytes, writeCert } from './payloads/certificate.ts';
import { configBytes, writeConfig } from './payloads/configuration.ts';
import { deleteBytes, writeDelete } from './payloads/delete.ts';
import { eapBytes, writeEap } from './payloads/eap.ts';
import { FRAGMENT_FIELDS_BYTES, writeFragmentFields } from './payloads/encrypted.ts';
import { idBytes, writeId } from './payloads/identification.ts';
import { keBytes, writeKe } from './payloads/key-exchange.ts';
import { nonceBytes, writeNonce } from './payloads/nonce.ts';
import { notifyBytes, writeNotify } from './payloads/notify.ts';
import { saBytes, writeSa } from './payloads/security-association.ts';
import { tsBytes, writeTs } from './payloads/traffic-selectors.ts';
import { PayloadType, payloadTypeName } from './registries/payload-type.ts';

/** The number of a payload's type. */
export function payloadTypeOf(payload: Payload): number {
  return payload.type === 'unknown' ? payload.payloadType : PayloadType[payload.type];
}

/** Bytes of the encoded payload with its generic header. */
export function payloadBytes(payload: Payload): number {
  return PAYLOAD_HEADER_BYTES + bodyBytes(payload);
}

/** Writes one payload with its generic header.
 * @param nextPayload - the type of the payload that follows, 0 for none; not used for SK and SKF.
 */
export function writePayload(payload: Payload, nextPayload: number, writer: ByteWriter): void {
  const isEncrypted = payload.type === 'SK' || payload.type === 'SKF';
  const length = payloadBytes(payload);
  if (length > 0xffff) {
    throw new ApiMisuseError(payload.type, 'at most 65535 bytes', length);
  }
  writer.uint8(isEncrypted ? payload.firstPayload : nextPayload, 'next payload');
  writer.uint8(payload.critical ? 0x80 : 0, 'critical');
  writer.uint16(length, 'payload length');
  writeBody(payload, writer);
}

function bodyBytes(payload: Payload): number {
  switch (payload.type) {
    case 'SA':
      return saBytes(payload);
    case 'KE':
      return keBytes(payload);
    case 'IDi':
    case 'IDr':
      return idBytes(payload);
    case 'CERT':
    case 'CERTREQ':
      return certBytes(payload);
    case 'AUTH':
      return authBytes(payload);
    case 'Nonce':
      return nonceBytes(payload);
    case 'N':
      return notifyBytes(payload);
    case 'D':
      return deleteBytes(payload);
    case 'TSi':
    case 'TSr':
      return tsBytes(payload);
    case 'CP':
      return configBytes(payload);
    case 'EAP':
      return eapBytes(payload);
    case 'SK':
      return payload.body.length;
    case 'SKF':
      return FRAGMENT_FIELDS_BYTES + payload.body.length;
    case 'V':
    case 'unknown':
      return payload.data.length;
    default:
      return unreachable(payload);
  }
}

function writeBody(payload: Payload, writer: ByteWriter): void {
  switch (payload.type) {
    case 'SA':
      writeSa(payload, writer);
      break;
    case 'KE':
      writeKe(payload, writer);
      break;
    case 'IDi':
    case 'IDr':
      writeId(payload, writer);
      break;
    case 'CERT':
    case 'CERTREQ':
      writeCert(payload, writer);
      break;
    case 'AUTH':
      writeAuth(payload, writer);
      break;
    case 'Nonce':
      writeNonce(payload, writer);
      break;
    case 'N':
      writeNotify(payload, writer);
      break;
    case 'D':
      writeDelete(payload, writer);
      break;
    case 'TSi':
    case 'TSr':
      writeTs(payload, writer);
      break;
    case 'CP':
      writeConfig(payload, writer);
      break;
    case 'EAP':
      writeEap(payload, writer);
      break;
    case 'SK':
      writer.raw(payload.body);
      break;
    case 'SKF':
      writeFragmentFields(payload, writer);
      writer.raw(payload.body);
      break;
    case 'V':
      writer.raw(payload.data);
      break;
    case 'unknown':
      writeUnknown(payload.payloadType, payload.data, writer);
      break;
    default:
      unreachable(payload);
  }
}

function writeUnknown(payloadType: number, data: Uint8Array, writer: ByteWriter): void {
  if (isDecodedType(payloadType)) {
    const name = payloadTypeName(payloadType);
    throw new ApiMisuseError('unknown.payloadType', 'a type this codec keeps raw', name);
  }
  writer.raw(data);
}

/** 0, which ends the chain, and the types that have a variant of their own. */
function isDecodedType(payloadType: number): boolean {
  return (
    payloadType === PayloadType.NONE ||
    payloadType === PayloadType.SKF ||
    (payloadType >= PayloadType.SA && payloadType <= PayloadType.EAP)
  );
}

function unreachable(payload: never): never {
  throw new ApiMisuseError('payload.type', 'a known variant', JSON.stringify(payload));
}
