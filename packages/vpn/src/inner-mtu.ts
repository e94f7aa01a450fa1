import type { CipherShape } from '@ipsec-kit/crypto';

/** The MTU of TUN devices unless another is asked for, as strongSwan's userspace ESP has it: over IPv4 every suite
 * fits with it into an outer packet of 1500 bytes; where one does not (CBC with SHA-512 over IPv6), {@link innerMtuFor}
 * is smaller and counts.
 */
export const DEFAULT_TUN_MTU = 1400;

/** What links are assumed to carry until path MTU discovery says otherwise. */
export const DEFAULT_OUTER_MTU = 1500;

const udpHeaderBytes = 8;
const espHeaderBytes = 8;
/** Pad length and next header. @see RFC 4303 §2 */
const espTrailerBytes = 2;

/** The largest inner packet whose UDP-encapsulated ESP packet fits into `outerMtu`, padding included.
 * @param outerVersion - family of the outer addresses: 20 or 40 bytes of header.
 * @param mode - in transport mode the IP header of the inner packet, of the same family, is not carried.
 * @see RFC 4303 §2.4 (padding to the block size and to 4 bytes), RFC 3948 §2.1
 */
export function innerMtuFor(
  shape: Pick<CipherShape, 'ivBytes' | 'blockBytes' | 'icvBytes'>,
  outerVersion: 4 | 6,
  outerMtu: number = DEFAULT_OUTER_MTU,
  mode: 'tunnel' | 'transport' = 'tunnel',
): number {
  const ipHeaderBytes = outerVersion === 4 ? 20 : 40;
  const room =
    outerMtu - ipHeaderBytes - udpHeaderBytes - espHeaderBytes - shape.ivBytes - shape.icvBytes;
  const alignment = Math.max(4, shape.blockBytes);
  const carried = Math.floor(room / alignment) * alignment - espTrailerBytes;
  return mode === 'transport' ? carried + ipHeaderBytes : carried;
}
