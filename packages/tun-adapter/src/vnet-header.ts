import { VIRTIO_NET_HDR } from '@ipsec-kit/posix';

/** Bytes in front of each packet of a device with IFF_VNET_HDR. */
export const VNET_HEADER_BYTES: number = VIRTIO_NET_HDR.sizeBytes;

/** The checksum field holds the sum of the pseudo-header; the rest is left to the reader. */
export const VNET_NEEDS_CHECKSUM = 1;

/** How a large packet is to be segmented. @see Linux, include/uapi/linux/virtio_net.h */
export const VnetSegmentation = { none: 0, tcp4: 1, tcp6: 4, udp: 5 } as const;

/** Beside the kind: TCP with ECN, whose CWR stands in the first segment alone. */
const ECN = 0x80;

/** What stands in front of a packet; reused from packet to packet. */
export interface VnetHeader {
  needsChecksum: boolean;
  /** One of {@link VnetSegmentation}, or a number that is none of them. */
  segmentation: number;
  segmentBytes: number;
  /** From the IP header to where the checksum begins: the TCP or UDP header. */
  checksumStart: number;
  /** From there to the checksum field. */
  checksumOffset: number;
}

const { fields } = VIRTIO_NET_HDR;

/** Reads the header at `offset` into `header`. Numbers are little-endian, as all supported processors are. */
export function readVnetHeader(bytes: Uint8Array, offset: number, header: VnetHeader): void {
  header.needsChecksum = ((bytes[offset] ?? 0) & VNET_NEEDS_CHECKSUM) !== 0;
  header.segmentation = (bytes[offset + fields.gsoType.offset] ?? 0) & ~ECN;
  header.segmentBytes = readLittle(bytes, offset + fields.gsoBytes.offset);
  header.checksumStart = readLittle(bytes, offset + fields.checksumStart.offset);
  header.checksumOffset = readLittle(bytes, offset + fields.checksumOffset.offset);
}

/** Writes the header of a packet that is to be segmented by the host. */
export function writeVnetHeader(
  bytes: Uint8Array,
  offset: number,
  header: VnetHeader,
  headerBytes: number,
): void {
  bytes[offset] = header.needsChecksum ? VNET_NEEDS_CHECKSUM : 0;
  bytes[offset + fields.gsoType.offset] = header.segmentation;
  writeLittle(bytes, offset + fields.headerBytes.offset, headerBytes);
  writeLittle(bytes, offset + fields.gsoBytes.offset, header.segmentBytes);
  writeLittle(bytes, offset + fields.checksumStart.offset, header.checksumStart);
  writeLittle(bytes, offset + fields.checksumOffset.offset, header.checksumOffset);
}

/** An object for {@link readVnetHeader} to fill. */
export function createVnetHeader(): VnetHeader {
  return {
    needsChecksum: false,
    segmentation: 0,
    segmentBytes: 0,
    checksumStart: 0,
    checksumOffset: 0,
  };
}

function readLittle(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);
}

function writeLittle(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
}
