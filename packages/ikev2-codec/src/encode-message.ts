import { ByteWriter } from './byte-writer.ts';
import { payloadBytes, payloadTypeOf, writePayload } from './encode-payload.ts';
import { writeHeader } from './header.ts';
import { HEADER_BYTES } from './limits.ts';
import type { IkeMessage, Payload } from './message.ts';
import { ApiMisuseError } from './misuse.ts';
import { PayloadType } from './registries/payload-type.ts';

/** Encodes a whole message; all lengths and Next Payload fields are filled in, reserved bits are zero.
 * A decoded message whose reserved bits were zero is re-encoded byte for byte.
 * @throws {@link ApiMisuseError} on what cannot be on the wire: a field out of range, an SK or SKF payload that is
 *   not the last, a payload above 65535 bytes
 * @see RFC 7296 §3.1, §3.2
 */
export function encodeMessage(message: IkeMessage): Uint8Array {
  const { header, payloads } = message;
  const bytes = HEADER_BYTES + chainBytes(payloads);
  const writer = new ByteWriter(new Uint8Array(bytes));
  writeHeader(header, firstPayloadOf(payloads), bytes, writer);
  writeChain(payloads, writer);
  return writer.bytes;
}

/** Encodes a chain without header, as it is put into an SK payload before encryption; padding is up to the caller.
 * @returns the type of the first payload (0 when there is none), for the SK payload's header, and the bytes.
 * @throws {@link ApiMisuseError} as {@link encodeMessage} does, and on an SK or SKF payload
 * @see RFC 7296 §3.14
 */
export function encodePayloads(payloads: readonly Payload[]): {
  firstPayload: number;
  bytes: Uint8Array;
} {
  const encrypted = payloads.find(isEncrypted);
  if (encrypted) {
    throw new ApiMisuseError('payloads', 'no encrypted payload inside another', encrypted.type);
  }
  const writer = new ByteWriter(new Uint8Array(chainBytes(payloads)));
  writeChain(payloads, writer);
  return { firstPayload: firstPayloadOf(payloads), bytes: writer.bytes };
}

function firstPayloadOf(payloads: readonly Payload[]): number {
  const first = payloads[0];
  return first ? payloadTypeOf(first) : PayloadType.NONE;
}

function chainBytes(payloads: readonly Payload[]): number {
  let bytes = 0;
  for (const payload of payloads) bytes += payloadBytes(payload);
  return bytes;
}

function writeChain(payloads: readonly Payload[], writer: ByteWriter): void {
  payloads.forEach((payload, index) => {
    const next = payloads[index + 1];
    if (next && isEncrypted(payload)) {
      throw new ApiMisuseError('payloads', `${payload.type} as the last payload`, next.type);
    }
    writePayload(payload, next ? payloadTypeOf(next) : PayloadType.NONE, writer);
  });
}

function isEncrypted(payload: Payload): boolean {
  return payload.type === 'SK' || payload.type === 'SKF';
}
