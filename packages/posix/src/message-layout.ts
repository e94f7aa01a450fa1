import type { StructLayout } from './struct-layout.ts';

// All of the 64-bit ABI: a machine with other sizes fails the check and falls back.

/** A piece of memory. @see readv(2) */
export const IOVEC = {
  name: 'iovec',
  sizeBytes: 16,
  fields: {
    base: { type: 'uintptr_t', offset: 0 },
    length: { type: 'size_t', offset: 8 },
  },
} as const;

/** A message with its address, pieces and control data, and what recvmmsg and sendmmsg say about it.
 * @see recvmmsg(2)
 */
export const MMSGHDR = {
  name: 'mmsghdr',
  sizeBytes: 64,
  fields: {
    name: { type: 'uintptr_t', offset: 0 },
    nameBytes: { type: 'uint32_t', offset: 8 },
    vectors: { type: 'uintptr_t', offset: 16 },
    vectorCount: { type: 'size_t', offset: 24 },
    control: { type: 'uintptr_t', offset: 32 },
    controlBytes: { type: 'size_t', offset: 40 },
    flags: { type: 'int', offset: 48 },
    // A msghdr ends here, at a multiple of 8.
    padding: { type: 'int', offset: 52 },
    length: { type: 'unsigned int', offset: 56 },
  },
} as const;

/** What stands in front of each piece of control data; the next begins at a multiple of 8. @see cmsg(3) */
export const CMSGHDR = {
  name: 'cmsghdr',
  sizeBytes: 16,
  fields: {
    length: { type: 'size_t', offset: 0 },
    level: { type: 'int', offset: 8 },
    type: { type: 'int', offset: 12 },
  },
} as const;

/** An IPv4 endpoint; port and address in network order. @see ip(7) */
export const SOCKADDR_IN = {
  name: 'sockaddr_in',
  sizeBytes: 16,
  fields: {
    family: { type: 'uint16_t', offset: 0 },
    port: { type: 'uint16_t', offset: 2 },
    address: { type: 'uint8_t', offset: 4, count: 4 },
    zero: { type: 'uint8_t', offset: 8, count: 8 },
  },
} as const;

/** An IPv6 endpoint; port and address in network order. @see ipv6(7) */
export const SOCKADDR_IN6 = {
  name: 'sockaddr_in6',
  sizeBytes: 28,
  fields: {
    family: { type: 'uint16_t', offset: 0 },
    port: { type: 'uint16_t', offset: 2 },
    flowInfo: { type: 'uint32_t', offset: 4 },
    address: { type: 'uint8_t', offset: 8, count: 16 },
    scope: { type: 'uint32_t', offset: 24 },
  },
} as const;

/** The local end of an IPv4 datagram: received, `destination` is the address it was sent to; sending, `source` is the
 * one it leaves from. @see ip(7)
 */
export const IN_PKTINFO = {
  name: 'in_pktinfo',
  sizeBytes: 12,
  fields: {
    interface: { type: 'int', offset: 0 },
    source: { type: 'uint8_t', offset: 4, count: 4 },
    destination: { type: 'uint8_t', offset: 8, count: 4 },
  },
} as const;

/** The local end of an IPv6 datagram. @see RFC 3542 §6.1 */
export const IN6_PKTINFO = {
  name: 'in6_pktinfo',
  sizeBytes: 20,
  fields: {
    address: { type: 'uint8_t', offset: 0, count: 16 },
    interface: { type: 'uint32_t', offset: 16 },
  },
} as const;

/** What went wrong with a datagram that was sent; for EMSGSIZE `info` is the MTU that it was too large for.
 * @see ip(7), Linux, include/uapi/linux/errqueue.h
 */
export const SOCK_EXTENDED_ERR = {
  name: 'sock_extended_err',
  sizeBytes: 16,
  fields: {
    errno: { type: 'uint32_t', offset: 0 },
    origin: { type: 'uint8_t', offset: 4 },
    type: { type: 'uint8_t', offset: 5 },
    code: { type: 'uint8_t', offset: 6 },
    padding: { type: 'uint8_t', offset: 7 },
    info: { type: 'uint32_t', offset: 8 },
    data: { type: 'uint32_t', offset: 12 },
  },
} as const;

/** What stands in front of each packet of a TUN device with IFF_VNET_HDR; numbers in the order of the machine.
 * @see Linux, include/uapi/linux/virtio_net.h
 */
export const VIRTIO_NET_HDR = {
  name: 'virtio_net_hdr',
  sizeBytes: 10,
  fields: {
    flags: { type: 'uint8_t', offset: 0 },
    gsoType: { type: 'uint8_t', offset: 1 },
    headerBytes: { type: 'uint16_t', offset: 2 },
    gsoBytes: { type: 'uint16_t', offset: 4 },
    checksumStart: { type: 'uint16_t', offset: 6 },
    checksumOffset: { type: 'uint16_t', offset: 8 },
  },
} as const;

/** The structures of the packet path. */
export const MESSAGE_LAYOUTS: readonly StructLayout[] = [
  IOVEC,
  MMSGHDR,
  CMSGHDR,
  SOCKADDR_IN,
  SOCKADDR_IN6,
  IN_PKTINFO,
  IN6_PKTINFO,
  SOCK_EXTENDED_ERR,
  VIRTIO_NET_HDR,
];
