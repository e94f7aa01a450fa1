import { addressesEqual, type IpAddress } from '@ipsec-kit/ip';

/** Whether two lists hold the same addresses, in whatever order. */
export function sameAddresses(a: readonly IpAddress[], b: readonly IpAddress[]): boolean {
  const has = (list: readonly IpAddress[], address: IpAddress): boolean =>
    list.some((other) => addressesEqual(other, address));
  return a.length === b.length && a.every((address) => has(b, address));
}
