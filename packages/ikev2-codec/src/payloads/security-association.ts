import { readUint16 } from '@ipsec-kit/ip';
import type { ByteWriter } from '../byte-writer.ts';
import { type DecodeResult, decoded, malformed } from '../decode-result.ts';
import { MAX_PROPOSALS } from '../limits.ts';
import type { Proposal, SaPayload, Transform } from '../message.ts';
import { ApiMisuseError } from '../misuse.ts';
import { PayloadType } from '../registries/payload-type.ts';
import { ProtocolId } from '../registries/protocol-id.ts';
import { decodeTransform, transformBytes, writeTransform } from './transform.ts';

const PROPOSAL_HEADER_BYTES = 8;
const MORE_PROPOSALS = 2;
const MORE_TRANSFORMS = 3;

/** Decodes the body of a Security Association payload: at least one proposal, each with at least one transform.
 * @see RFC 7296 §3.3
 */
export function decodeSa(body: Uint8Array): DecodeResult<SaPayload> {
  const proposals: Proposal[] = [];
  let offset = 0;
  while (offset < body.length) {
    if (proposals.length === MAX_PROPOSALS) {
      return malformed(PayloadType.SA, `SA has more than ${MAX_PROPOSALS} proposals`);
    }
    if (body.length - offset < PROPOSAL_HEADER_BYTES) {
      return malformed(PayloadType.SA, 'SA ends inside the header of a proposal');
    }
    const length = readUint16(body, offset + 2);
    const end = offset + length;
    if (length < PROPOSAL_HEADER_BYTES || end > body.length) {
      return malformed(PayloadType.SA, `proposal length ${length} does not fit its payload`);
    }
    if (body[offset] !== (end === body.length ? 0 : MORE_PROPOSALS)) {
      return malformed(PayloadType.SA, 'proposal says wrongly whether another one follows');
    }
    const proposal = decodeProposal(body.subarray(offset, end));
    if (!proposal.ok) return proposal;
    proposals.push(proposal.value);
    offset = end;
  }
  if (proposals.length === 0) return malformed(PayloadType.SA, 'SA has no proposal');
  return decoded({ type: 'SA', proposals });
}

/** @param bytes - one proposal substructure, whole. @see RFC 7296 §3.3.1 */
function decodeProposal(bytes: Uint8Array): DecodeResult<Proposal> {
  const number = bytes[4] ?? 0;
  const protocol = bytes[5] ?? 0;
  const spiBytes = bytes[6] ?? 0;
  const count = bytes[7] ?? 0;
  let offset = PROPOSAL_HEADER_BYTES + spiBytes;
  if (!isSpiLength(protocol, spiBytes) || offset > bytes.length) {
    return malformed(
      PayloadType.SA,
      `proposal for protocol ${protocol} has an SPI of ${spiBytes} bytes`,
    );
  }
  const spi = bytes.subarray(PROPOSAL_HEADER_BYTES, offset);
  const transforms: Transform[] = [];
  for (let index = 1; index <= count; index++) {
    const length = readUint16(bytes, offset + 2);
    if (bytes.length - offset < 8 || length < 8 || offset + length > bytes.length) {
      return malformed(PayloadType.SA, `transform ${index} of ${count} does not fit its proposal`);
    }
    if (bytes[offset] !== (index === count ? 0 : MORE_TRANSFORMS)) {
      return malformed(PayloadType.SA, 'transform says wrongly whether another one follows');
    }
    const transform = decodeTransform(bytes.subarray(offset, offset + length));
    if (!transform.ok) return transform;
    transforms.push(transform.value);
    offset += length;
  }
  if (offset !== bytes.length) return malformed(PayloadType.SA, 'bytes after the last transform');
  if (count === 0) return malformed(PayloadType.SA, 'proposal has no transform');
  return decoded({ number, protocol, spi, transforms });
}

/** Whether an SPI length is one that §3.3.1 allows; of protocols that are not IPsec's every length is kept. */
function isSpiLength(protocol: number, bytes: number): boolean {
  if (protocol === ProtocolId.IKE) return bytes === 0 || bytes === 8;
  if (protocol === ProtocolId.ESP || protocol === ProtocolId.AH) return bytes === 4;
  return true;
}

/** Bytes of the encoded body. */
export function saBytes(payload: SaPayload): number {
  let bytes = 0;
  for (const proposal of payload.proposals) bytes += proposalBytes(proposal);
  return bytes;
}

function proposalBytes(proposal: Proposal): number {
  let bytes = PROPOSAL_HEADER_BYTES + proposal.spi.length;
  for (const transform of proposal.transforms) bytes += transformBytes(transform);
  return bytes;
}

/** Writes the body. @throws {@link ApiMisuseError} on no or too many proposals or transforms, or an SPI of wrong length */
export function writeSa(payload: SaPayload, writer: ByteWriter): void {
  const { proposals } = payload;
  if (proposals.length < 1 || proposals.length > MAX_PROPOSALS) {
    throw new ApiMisuseError('SA.proposals', `1 to ${MAX_PROPOSALS} proposals`, proposals.length);
  }
  proposals.forEach((proposal, index) => {
    writer.uint8(index === proposals.length - 1 ? 0 : MORE_PROPOSALS, 'last');
    writeProposal(proposal, writer);
  });
}

function writeProposal(proposal: Proposal, writer: ByteWriter): void {
  const { spi, transforms } = proposal;
  if (!isSpiLength(proposal.protocol, spi.length)) {
    throw new ApiMisuseError('proposal.spi', '4 bytes for ESP and AH, 0 or 8 for IKE', spi.length);
  }
  if (transforms.length < 1 || transforms.length > 255) {
    throw new ApiMisuseError('proposal.transforms', '1 to 255 transforms', transforms.length);
  }
  writer.skip(1);
  writer.uint16(proposalBytes(proposal), 'proposal length');
  writer.uint8(proposal.number, 'proposal.number');
  writer.uint8(proposal.protocol, 'proposal.protocol');
  writer.uint8(spi.length, 'proposal.spi.length');
  writer.uint8(transforms.length, 'proposal.transforms.length');
  writer.raw(spi);
  transforms.forEach((transform, index) => {
    writer.uint8(index === transforms.length - 1 ? 0 : MORE_TRANSFORMS, 'last');
    writeTransform(transform, writer);
  });
}
