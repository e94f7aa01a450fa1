import {
  addressBits,
  addressFromBigInt,
  addressToBigInt,
  compareAddresses,
  type IpAddress,
  type Prefix,
} from './address.ts';
import { leadingBitsEqual, networkPrefix } from './prefix.ts';
import type { TrafficSelector } from './traffic-selector.ts';

/** The fewest prefixes that cover exactly the addresses of a selector, ascending: for routes and lookups.
 * At most 62 for IPv4 and 254 for IPv6; none for an inverted range.
 */
export function selectorToPrefixes(selector: TrafficSelector): Prefix[] {
  return rangeToPrefixes(selector.start, selector.end);
}

/** The fewest prefixes that cover exactly the addresses from `start` to `end`, ascending. */
export function rangeToPrefixes(start: IpAddress, end: IpAddress): Prefix[] {
  const { version } = start;
  const prefixes: Prefix[] = [];
  if (version !== end.version || compareAddresses(start, end) > 0) return prefixes;
  const bits = addressBits(version);
  const last = addressToBigInt(end);
  let first = addressToBigInt(start);
  while (first <= last) {
    let hostBits = 0;
    // The largest aligned block that begins at `first` and does not reach beyond `last`.
    while (hostBits < bits) {
      const size = 1n << BigInt(hostBits + 1);
      if (first % size !== 0n || first + size - 1n > last) break;
      hostBits += 1;
    }
    const address = addressFromBigInt(version, first);
    if (!address) break;
    prefixes.push({ address, length: bits - hostBits });
    first += 1n << BigInt(hostBits);
  }
  return prefixes;
}

/** The longest prefix that contains all addresses of a selector: one key for a lookup, whatever the range.
 * The range itself is still to be compared.
 */
export function coveringPrefix(selector: TrafficSelector): Prefix {
  const { start, end } = selector;
  let length = addressBits(start.version);
  while (length > 0 && !leadingBitsEqual(start.bytes, 0, end.bytes, 0, length)) length -= 1;
  return networkPrefix({ address: start, length });
}
