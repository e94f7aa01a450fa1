import type { CipherShape } from '@ipsec-kit/crypto';
import { largestInnerPacket } from '@ipsec-kit/esp';

/** The largest inner packet whose ESP packet, in UDP, fits a path without fragmentation: `SaPair.innerMtu`.
 * @param pathMtu - of the outer path, 1500 on Ethernet.
 * @param outerVersion - family of the outer addresses.
 * @param mode - in transport mode the IP header of the inner packet is not carried, and is of the same family.
 * @returns bytes; 0 when the path is too small for any.
 */
export function innerMtuOfPath(
  shape: CipherShape,
  pathMtu: number,
  outerVersion: 4 | 6,
  mode: 'tunnel' | 'transport' = 'tunnel',
): number {
  const ipHeader = outerVersion === 4 ? 20 : 40;
  const udpHeader = 8;
  const body = largestInnerPacket(shape, pathMtu - ipHeader - udpHeader);
  return mode === 'transport' && body > 0 ? body + ipHeader : body;
}
