import type { Datagram } from './datagram.ts';
import type { Direction, Middlebox } from './middlebox.ts';

const IPV4_AND_UDP_BYTES = 28;
const IPV6_AND_UDP_BYTES = 48;

/** A stretch of the path whose MTU is smaller than its ends believe: what is larger disappears without a word, as where
 * ICMP is filtered. @see RFC 4821 §1 (ICMP black holes)
 * @param mtuBytes - largest IP packet that passes, headers included.
 * @param only - the direction that it holds in; default both.
 */
export function createMtuLimit(mtuBytes: number, only?: Direction): Middlebox {
  if (!(mtuBytes >= IPV6_AND_UDP_BYTES)) {
    throw new RangeError(`"mtuBytes" expected at least ${IPV6_AND_UDP_BYTES}, got ${mtuBytes}`);
  }
  return {
    name: `mtu ${mtuBytes}`,
    pass(datagram, direction) {
      const isLimited = only === undefined || only === direction;
      const isLost = isLimited && packetBytes(datagram) > mtuBytes;
      return isLost ? [] : [{ datagram, delayMs: 0 }];
    },
  };
}

/** Size of the IP packet of a datagram, without options or extension headers. */
function packetBytes({ to, data }: Datagram): number {
  return data.length + (to.address.version === 4 ? IPV4_AND_UDP_BYTES : IPV6_AND_UDP_BYTES);
}
