import { addressesEqual, type IpAddress } from './address.ts';

/** Whether an address is in a list. */
export function hasAddress(list: readonly IpAddress[], address: IpAddress): boolean {
  return list.some((other) => addressesEqual(other, address));
}

/** Whether two lists hold the same addresses, in whatever order. */
export function sameAddresses(a: readonly IpAddress[], b: readonly IpAddress[]): boolean {
  return a.length === b.length && a.every((address) => hasAddress(b, address));
}

/** Whether two lists hold the same addresses in the same order. */
export function addressListsEqual(a: readonly IpAddress[], b: readonly IpAddress[]): boolean {
  return (
    a.length === b.length &&
    a.every((address, index) => {
      const other = b[index];
      return other !== undefined && addressesEqual(address, other);
    })
  );
}
