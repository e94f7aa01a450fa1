import { readUint16 } from '@ipsec-kit/ip';
import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import type { NotifyPayload } from '../message.ts';
import { PayloadType } from '../registries/payload-type.ts';

/** Decodes the body of a Notify payload. The protocol id is kept as received also where there is no SPI;
 * it has no meaning then and MUST be ignored.
 * @see RFC 7296 §3.10
 */
export function decodeNotify(body: Uint8Array): DecodeResult<NotifyPayload> {
  if (body.length < 4) return malformed(PayloadType.N, 'N is shorter than its fixed fields');
  const spiBytes = body[1] ?? 0;
  if (body.length < 4 + spiBytes) {
    return malformed(PayloadType.N, `SPI of ${spiBytes} bytes does not fit its notify`);
  }
  return decoded({
    type: 'N',
    protocol: body[0] ?? 0,
    spi: body.subarray(4, 4 + spiBytes),
    notify: readUint16(body, 2),
    data: body.subarray(4 + spiBytes),
  });
}

/** Bytes of the encoded body. */
export function notifyBytes(payload: NotifyPayload): number {
  return 4 + payload.spi.length + payload.data.length;
}

/** Writes the body. */
export function writeNotify(payload: NotifyPayload, writer: ByteWriter): void {
  writer.uint8(payload.protocol, 'N.protocol');
  writer.uint8(payload.spi.length, 'N.spi.length');
  writer.uint16(payload.notify, 'N.notify');
  writer.raw(payload.spi);
  writer.raw(payload.data);
}
