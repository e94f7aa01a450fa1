import {
  addressToBigInt,
  firstAddress,
  type IpAddress,
  lastAddress,
  networkPrefix,
  type Prefix,
  prefixContains,
  rangeToPrefixes,
} from '@ipsec-kit/ip';
import type { CompiledVpn } from './compile/index.ts';

/** Addresses that a prefix may have beyond the range of a pool: those that a pool leaves out of its network. */
const SPARE_ADDRESSES = 4n;

/** The networks to route to the clients of these pools: the whole prefix where a pool was given as one. */
export function poolPrefixes(
  compiled: Pick<CompiledVpn, 'pools'>,
  names: readonly string[],
): readonly Prefix[] {
  return compiled.pools
    .filter((pool) => names.includes(pool.name))
    .flatMap(({ start, end }) => {
      const network = smallestNetwork(start, end);
      const spare = sizeOf(firstAddress(network), lastAddress(network)) - sizeOf(start, end);
      return spare <= SPARE_ADDRESSES ? [network] : rangeToPrefixes(start, end);
    });
}

function smallestNetwork(start: IpAddress, end: IpAddress): Prefix {
  let length = start.bytes.length * 8;
  while (length > 0 && !prefixContains({ address: start, length }, end)) length -= 1;
  return networkPrefix({ address: start, length });
}

function sizeOf(start: IpAddress, end: IpAddress): bigint {
  return addressToBigInt(end) - addressToBigInt(start) + 1n;
}
