import { readUint16 } from '@ipsec-kit/ip';
import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import { MAX_DELETE_SPIS } from '../limits.ts';
import type { DeletePayload } from '../message.ts';
import { ApiMisuseError } from '../misuse.ts';
import { PayloadType } from '../registries/payload-type.ts';
import { ProtocolId } from '../registries/protocol-id.ts';

/** Decodes the body of a Delete payload: no SPI for IKE, SPIs of four bytes for ESP and AH.
 * @see RFC 7296 §3.11
 */
export function decodeDelete(body: Uint8Array): DecodeResult<DeletePayload> {
  if (body.length < 4) return malformed(PayloadType.D, 'D is shorter than its fixed fields');
  const protocol = body[0] ?? 0;
  const spiBytes = body[1] ?? 0;
  const count = readUint16(body, 2);
  if (spiBytes !== spiLength(protocol, count === 0 ? 0 : spiBytes)) {
    return malformed(PayloadType.D, `D for protocol ${protocol} has SPIs of ${spiBytes} bytes`);
  }
  if (count > MAX_DELETE_SPIS || (spiBytes === 0 && count > 0)) {
    return malformed(PayloadType.D, `D has ${count} SPIs of ${spiBytes} bytes`);
  }
  if (body.length !== 4 + count * spiBytes) {
    return malformed(PayloadType.D, `D of ${body.length} bytes says it has ${count} SPIs`);
  }
  const spis = Array.from({ length: count }, (_, index) =>
    body.subarray(4 + index * spiBytes, 4 + (index + 1) * spiBytes),
  );
  return decoded({ type: 'D', protocol, spis });
}

/** What §3.11 requires the SPI size to be; protocols that are not IPsec's have their own. */
function spiLength(protocol: number, own: number): number {
  if (protocol === ProtocolId.IKE) return 0;
  if (protocol === ProtocolId.ESP || protocol === ProtocolId.AH) return 4;
  return own;
}

/** Bytes of the encoded body. */
export function deleteBytes(payload: DeletePayload): number {
  return payload.spis.reduce((bytes, spi) => bytes + spi.length, 4);
}

/** Writes the body. */
export function writeDelete(payload: DeletePayload, writer: ByteWriter): void {
  const { protocol, spis } = payload;
  const size = spiLength(protocol, spis[0]?.length ?? 0);
  const isEven = spis.every((spi) => spi.length === size && size > 0);
  if (!isEven || spis.length > MAX_DELETE_SPIS) {
    throw new ApiMisuseError(
      'D.spis',
      `no SPI for IKE, at most ${MAX_DELETE_SPIS} of 4 bytes for ESP and AH`,
      `${spis.length} for protocol ${protocol}`,
    );
  }
  writer.uint8(protocol, 'D.protocol');
  writer.uint8(size, 'D.spis[0].length');
  writer.uint16(spis.length, 'D.spis.length');
  for (const spi of spis) writer.raw(spi);
}
