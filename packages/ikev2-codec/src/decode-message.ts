import { readUint16 } from '@ipsec-kit/ip';
import { decodePayload } from './decode-payload.ts';
import { type DecodeResult, decoded, malformed, refused } from './decode-result.ts';
import { decodeHeader } from './header.ts';
import { HEADER_BYTES, MAX_PAYLOADS, PAYLOAD_HEADER_BYTES } from './limits.ts';
import type { IkeMessage, Payload } from './message.ts';
import { PayloadType, payloadTypeName } from './registries/payload-type.ts';

const CRITICAL = 0x80;

/** Decodes a whole message. Unknown payloads are kept raw with their critical bit
 * (see {@link unsupportedCriticalPayload}); an SK or SKF payload stays encrypted.
 * @param datagram - from the first byte of the IKE header, without non-ESP marker. Bytes in the result are views
 *   into it: copy what is kept longer than the datagram.
 * @returns the message, or why it is none; never throws. When the header could be read, the error has it.
 * @see RFC 7296 §3.1, §3.2
 */
export function decodeMessage(datagram: Uint8Array): DecodeResult<IkeMessage> {
  const header = decodeHeader(datagram);
  if (!header.ok) return header;
  const payloads = decodeChain(datagram, HEADER_BYTES, datagram[16] ?? 0, true);
  if (!payloads.ok) return { ok: false, error: { ...payloads.error, header: header.value } };
  return decoded({ header: header.value, payloads: payloads.value });
}

/** Decodes the payloads inside a decrypted SK payload, or inside the joined fragments of SKF payloads.
 * @param firstPayload - the type of the first payload, from the SK payload or the first fragment.
 * @param bytes - without padding and Pad Length. Bytes in the result are views into it.
 * @see RFC 7296 §3.14: an Encrypted payload inside is refused
 */
export function decodePayloads(
  firstPayload: number,
  bytes: Uint8Array,
): DecodeResult<readonly Payload[]> {
  return decodeChain(bytes, 0, firstPayload, false);
}

function decodeChain(
  bytes: Uint8Array,
  start: number,
  firstPayload: number,
  mayBeEncrypted: boolean,
): DecodeResult<readonly Payload[]> {
  const payloads: Payload[] = [];
  let payloadType = firstPayload;
  let offset = start;
  while (payloadType !== PayloadType.NONE) {
    if (payloads.length === MAX_PAYLOADS) {
      return refused('too-many-payloads', `more than ${MAX_PAYLOADS} payloads`, { payloadType });
    }
    const length = readUint16(bytes, offset + 2);
    const end = offset + length;
    const bytesLeft = bytes.length - offset;
    if (bytesLeft < PAYLOAD_HEADER_BYTES || length < PAYLOAD_HEADER_BYTES || end > bytes.length) {
      const name = payloadTypeName(payloadType);
      const detail = `payload ${name} of ${length} bytes does not fit the ${bytesLeft} that are left`;
      return refused('bad-payload-length', detail, { payloadType });
    }
    const isEncrypted = payloadType === PayloadType.SK || payloadType === PayloadType.SKF;
    if (isEncrypted && !mayBeEncrypted) {
      return malformed(payloadType, 'an encrypted payload inside another');
    }
    if (isEncrypted && end !== bytes.length) {
      return refused('payload-after-encrypted', `${bytes.length - end} bytes after SK or SKF`, {
        payloadType,
      });
    }
    const nextPayload = bytes[offset] ?? 0;
    const body = bytes.subarray(offset + PAYLOAD_HEADER_BYTES, end);
    const payload = decodePayload(payloadType, nextPayload, body);
    if (!payload.ok) return payload;
    const isCritical = ((bytes[offset + 1] ?? 0) & CRITICAL) !== 0;
    payloads.push(isCritical ? { ...payload.value, critical: true } : payload.value);
    offset = end;
    if (isEncrypted) break;
    payloadType = nextPayload;
  }
  if (offset !== bytes.length) {
    return refused('length-mismatch', `${bytes.length - offset} bytes after the last payload`);
  }
  return decoded(payloads);
}

/** The type of the first payload that is unknown and marked critical: the message is then answered with
 * UNSUPPORTED_CRITICAL_PAYLOAD, whose data is this one byte, or, as a response, discarded. Known payloads never are.
 * @see RFC 7296 §2.5, §3.2
 */
export function unsupportedCriticalPayload(payloads: readonly Payload[]): number | undefined {
  for (const payload of payloads) {
    if (payload.type === 'unknown' && payload.critical) return payload.payloadType;
  }
  return undefined;
}
