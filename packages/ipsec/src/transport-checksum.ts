import {
  addToSum,
  checksumOfSum,
  type IpAddress,
  IpProtocol,
  type PacketFields,
  readUint16,
  writeUint16,
} from '@ipsec-kit/ip';
import type { TransportAddresses } from './sa-pair.ts';

/** What has to be added under the checksums of packets from the peer, whose pseudo-header had the addresses `atPeer`,
 * so that they are right for the addresses here.
 * @returns a folded sum; 0 when both are the same.
 * @see RFC 3948 §3.1.2 (1), RFC 1624 §3
 */
export function checksumCorrection({ local, remote, atPeer }: TransportAddresses): number {
  if (!atPeer) return 0;
  const theirs = sumOf(atPeer.local) + sumOf(atPeer.remote);
  const ours = sumOf(local) + sumOf(remote);
  // Equation 3 with all words at once: the complement of what was in it, and what is in it now.
  const correction = ~checksumOfSum(checksumOfSum(theirs) + ours) & 0xffff;
  return correction === 0xffff ? 0 : correction;
}

/** Corrects the checksum of a whole packet whose upper layer covers the addresses; others have nothing to correct.
 * @see RFC 3948 §3.1.2 (1)
 */
export function correctChecksum(
  memory: Uint8Array,
  fields: PacketFields,
  correction: number,
): void {
  const offset = checksumOffset(fields.protocol);
  if (offset < 0 || fields.payloadLength < offset + 2) return;
  const at = fields.payloadOffset + offset;
  const checksum = readUint16(memory, at);
  const isUdp = fields.protocol === IpProtocol.UDP;
  // RFC 768: 0 is no checksum, and stays none; a checksum that comes out as 0 is sent as all ones.
  if (isUdp && checksum === 0) return;
  const corrected = checksumOfSum((~checksum & 0xffff) + correction);
  writeUint16(memory, at, isUdp && corrected === 0 ? 0xffff : corrected);
}

/** Where the checksum lies in the upper layer; -1 where there is none over a pseudo-header. */
function checksumOffset(protocol: number): number {
  switch (protocol) {
    case IpProtocol.TCP:
      return 16;
    case IpProtocol.UDP:
    case IpProtocol.UDPLite:
    case IpProtocol.DCCP:
      return 6;
    case IpProtocol['IPv6-ICMP']:
      return 2;
    default:
      return -1;
  }
}

function sumOf({ bytes }: IpAddress): number {
  return addToSum(bytes, 0, bytes.length);
}
