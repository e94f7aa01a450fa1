import { IFREQ } from './struct-layout.ts';

/** Sets up the device of an open /dev/net/tun. @see Linux, include/uapi/linux/if_tun.h */
export const TUNSETIFF = 0x400454ca;

/** IP packets, no Ethernet header. */
export const IFF_TUN = 0x0001;

/** No packet information in front of each packet. */
export const IFF_NO_PI = 0x1000;

/** Several descriptors, each a queue, for one device. */
export const IFF_MULTI_QUEUE = 0x0100;

/** Takes a queue out of those that packets of the host go to; it may still be written. An argument of {@link TUNSETQUEUE}. */
export const IFF_DETACH_QUEUE = 0x0400;

/** A `virtio_net_hdr` in front of each packet. */
export const IFF_VNET_HDR = 0x4000;

/** Takes a queue of a device with {@link IFF_MULTI_QUEUE} out, or back in; the argument is an `ifreq` with the flag alone. */
export const TUNSETQUEUE = 0x400454d9;

/** Names the features of {@link IFF_VNET_HDR} that the reader can cope with; the argument is the number itself. */
export const TUNSETOFFLOAD = 0x400454d0;

/** Sets the size of what stands in front of each packet; the argument points to an int. */
export const TUNSETVNETHDRSZ = 0x400454d8;

/** Features of {@link TUNSETOFFLOAD}: packets whose checksum the reader completes, and packets that it segments. */
export const TUN_F_CSUM = 0x01;
export const TUN_F_TSO4 = 0x02;
export const TUN_F_TSO6 = 0x04;
/** ECN in segmented TCP. */
export const TUN_F_TSO_ECN = 0x08;
/** UDP segmentation, since Linux 6.2; both or none. */
export const TUN_F_USO4 = 0x20;
export const TUN_F_USO6 = 0x40;

/** The longest name of an interface, without the NUL behind it. */
export const INTERFACE_NAME_BYTES = 15;

/** Builds the `ifreq` for {@link TUNSETIFF}.
 * @param name - ASCII, at most 15 bytes; `%d` in it is replaced by the kernel with a free number.
 * @param flags - {@link IFF_TUN} and others.
 */
export function encodeInterfaceRequest(name: string, flags: number): Uint8Array {
  if (!/^[\x21-\x7e]+$/.test(name) || name.includes('/') || name.length > INTERFACE_NAME_BYTES) {
    throw new TypeError(
      `"name" expected 1 to ${INTERFACE_NAME_BYTES} printable ASCII characters without space and slash, got ${JSON.stringify(name)}`,
    );
  }
  const request = new Uint8Array(IFREQ.sizeBytes);
  for (let i = 0; i < name.length; i += 1) request[i] = name.charCodeAt(i);
  // In the byte order of the machine; all supported ones are little-endian.
  request[IFREQ.fields.flags.offset] = flags;
  request[IFREQ.fields.flags.offset + 1] = flags >>> 8;
  return request;
}

/** The name in an `ifreq`, after the kernel has filled it in. */
export function decodeInterfaceName(request: Uint8Array): string {
  const end = request.indexOf(0);
  const length = Math.min(end < 0 ? request.length : end, IFREQ.fields.name.count);
  return String.fromCharCode(...request.subarray(0, length));
}
