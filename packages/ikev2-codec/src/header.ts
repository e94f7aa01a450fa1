import { readUint32 } from '@ipsec-kit/ip';
import type { ByteWriter } from './byte-writer.ts';
import { type DecodeResult, decoded, refused } from './decode-result.ts';
import { HEADER_BYTES } from './limits.ts';
import type { IkeHeader } from './message.ts';
import { ApiMisuseError } from './misuse.ts';

const FLAG_RESPONSE = 0x20;
const FLAG_VERSION = 0x10;
const FLAG_INITIATOR = 0x08;

/** Decodes the header of a datagram and checks what needs no payload: enough bytes, an initiator's SPI,
 * major version 2, and a length that is the datagram's. The minor version and reserved flags are no reason to refuse.
 * @param datagram - from the first byte of the IKE header, without non-ESP marker.
 * @returns the header, or the reason; the error of every code but `too-short` carries the header as it was read,
 *   and `unsupported-major-version` covers 0 and 1 as well as 3 and above: only the latter deserve an answer.
 * @see RFC 7296 §3.1, §2.5
 */
export function decodeHeader(datagram: Uint8Array): DecodeResult<IkeHeader> {
  if (datagram.length < HEADER_BYTES) {
    return refused(
      'too-short',
      `${datagram.length} bytes are fewer than an IKE header's ${HEADER_BYTES}`,
    );
  }
  const header = readHeader(datagram);
  if (header.initiatorSpi === 0n) {
    return refused('zero-initiator-spi', "the initiator's SPI is zero", { header });
  }
  if (header.majorVersion !== 2) {
    const version = `${header.majorVersion}.${header.minorVersion}`;
    return refused('unsupported-major-version', `IKE version ${version} is not 2`, { header });
  }
  const length = readUint32(datagram, 24);
  if (length !== datagram.length) {
    return refused(
      'length-mismatch',
      `the header says ${length} bytes, the datagram has ${datagram.length}`,
      { header },
    );
  }
  return decoded(header);
}

function readHeader(datagram: Uint8Array): IkeHeader {
  const version = datagram[17] ?? 0;
  const flags = datagram[19] ?? 0;
  return {
    initiatorSpi: readUint64(datagram, 0),
    responderSpi: readUint64(datagram, 8),
    majorVersion: version >>> 4,
    minorVersion: version & 0x0f,
    exchangeType: datagram[18] ?? 0,
    isInitiator: (flags & FLAG_INITIATOR) !== 0,
    isResponse: (flags & FLAG_RESPONSE) !== 0,
    higherVersion: (flags & FLAG_VERSION) !== 0,
    messageId: readUint32(datagram, 20),
  };
}

/** Writes a header. @throws {@link ApiMisuseError} when the initiator's SPI is 0 or a field does not fit */
export function writeHeader(
  header: IkeHeader,
  firstPayload: number,
  messageBytes: number,
  writer: ByteWriter,
): void {
  // RFC 7296 §3.1: the initiator's SPI MUST NOT be zero.
  if (header.initiatorSpi === 0n) {
    throw new ApiMisuseError('header.initiatorSpi', 'another value than 0', header.initiatorSpi);
  }
  if (header.majorVersion > 15 || header.minorVersion > 15) {
    const version = `${header.majorVersion}.${header.minorVersion}`;
    throw new ApiMisuseError('header.majorVersion', 'two numbers from 0 to 15', version);
  }
  writer.uint64(header.initiatorSpi, 'header.initiatorSpi');
  writer.uint64(header.responderSpi, 'header.responderSpi');
  writer.uint8(firstPayload, 'first payload');
  writer.uint8((header.majorVersion << 4) | header.minorVersion, 'header.majorVersion');
  writer.uint8(header.exchangeType, 'header.exchangeType');
  writer.uint8(
    (header.isResponse ? FLAG_RESPONSE : 0) |
      (header.higherVersion ? FLAG_VERSION : 0) |
      (header.isInitiator ? FLAG_INITIATOR : 0),
    'flags',
  );
  writer.uint32(header.messageId, 'header.messageId');
  writer.uint32(messageBytes, 'message length');
}

function readUint64(bytes: Uint8Array, offset: number): bigint {
  return (BigInt(readUint32(bytes, offset)) << 32n) | BigInt(readUint32(bytes, offset + 4));
}
