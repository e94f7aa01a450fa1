import {
  addressesEqual,
  type IpAddress,
  IpProtocol,
  type PacketBatch,
  type PacketFields,
  type TrafficSelector,
  writeIpHeader,
  writeIpv4HeaderChecksum,
  writeUint16,
} from '@ipsec-kit/ip';
import type { EngineDropReason } from './drop-counters.ts';
import type { TransportAddresses } from './sa-pair.ts';
import { checksumCorrection } from './transport-checksum.ts';

/** What a transport mode pair needs for each packet: the IP header that is not sent, and what a NAT did to checksums. */
export interface TransportHeader {
  readonly version: 4 | 6;
  /** A header from the peer to this host, its lengths and protocol still to be filled in: 20 or 40 bytes. */
  readonly template: Uint8Array;
  /** For the checksums of packets from the peer, see {@link checksumCorrection}; 0 when its addresses are the same. */
  readonly correction: number;
}

/** Prepares the headers of a transport mode pair.
 * @throws when the two addresses are of different families.
 */
export function createTransportHeader(addresses: TransportAddresses): TransportHeader {
  const { local, remote } = addresses;
  const template = new Uint8Array(local.version === 4 ? 20 : 40);
  // RFC 6864 §4.1: what is not fragmented has DF, and then its identification says nothing.
  writeIpHeader(template, 0, { source: remote, destination: local, protocol: 0 }, 0);
  return { version: local.version, template, correction: checksumCorrection(addresses) };
}

/** @throws when some selector is another address than `host`: transport mode is between the outer addresses and nobody
 * else. @see RFC 4301 §4.1, RFC 7296 §2.23.1
 */
export function requireHostSelectors(
  name: string,
  selectors: readonly TrafficSelector[],
  host: IpAddress,
): void {
  const isHost = ({ start, end }: TrafficSelector): boolean =>
    addressesEqual(start, host) && addressesEqual(end, host);
  if (!selectors.every(isHost)) {
    throw new RangeError(`"${name}" expected the transport address alone, got others`);
  }
}

/** Why a packet cannot be sent in transport mode, nor may come out of it; `undefined` when it can.
 *
 * - ESP is applied to whole datagrams, not to fragments. @see RFC 4303 §3.3.4
 * - IPv4 options and the IPv6 hop-by-hop, routing and fragment headers stand before ESP, in the outer packet, which is
 *   a UDP datagram of the host's own making. Destination options may stand behind ESP, and do. @see RFC 4303 §3.1.1
 * @param at - where its IP header lies.
 */
export function transportRefusal(
  memory: Uint8Array,
  at: number,
  fields: PacketFields,
): EngineDropReason | undefined {
  if (fields.moreFragments || fields.fragmentOffset !== 0) return 'transport-fragment';
  if (fields.version === 4) return fields.payloadOffset - at > 20 ? 'transport-header' : undefined;
  let next = memory[at + 6] ?? 0;
  let header = at + 40;
  while (next === IpProtocol['IPv6-Opts'] && header < fields.payloadOffset) {
    next = memory[header] ?? 0;
    header += ((memory[header + 1] ?? 0) + 1) * 8;
  }
  return mustPrecedeEsp(next) || fields.protocol < 0 ? 'transport-header' : undefined;
}

function mustPrecedeEsp(nextHeader: number): boolean {
  return (
    nextHeader === IpProtocol.HOPOPT ||
    nextHeader === IpProtocol['IPv6-Route'] ||
    nextHeader === IpProtocol['IPv6-Frag']
  );
}

/** The next header of ESP for a packet without its IP header: what that header named. */
export function nextHeaderBehind(memory: Uint8Array, at: number, version: 4 | 6): number {
  return memory[version === 4 ? at + 9 : at + 6] ?? 0;
}

/** Puts the IP header before `length` bytes that came out of ESP at `inner`; they are moved when there is no room for
 * it in their slot.
 * @returns where the packet begins, or -1 when slot or header cannot hold it.
 */
export function restoreIpHeader(
  header: TransportHeader,
  batch: PacketBatch,
  inner: number,
  length: number,
  nextHeader: number,
): number {
  const { memory, slotBytes } = batch;
  const { version, template } = header;
  const room = inner % slotBytes;
  let body = inner;
  if (room < template.length) {
    if (template.length + length > slotBytes) return -1;
    body = inner - room + template.length;
    memory.copyWithin(body, inner, inner + length);
  }
  if (length > 65535 - template.length) return -1;
  const at = body - template.length;
  for (let i = 0; i < template.length; i += 1) memory[at + i] = template[i] ?? 0;
  if (version === 4) {
    writeUint16(memory, at + 2, template.length + length);
    memory[at + 9] = nextHeader;
    writeIpv4HeaderChecksum(memory, at, template.length);
  } else {
    writeUint16(memory, at + 4, length);
    memory[at + 6] = nextHeader;
  }
  return at;
}
