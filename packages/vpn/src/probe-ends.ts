import {
  addressesEqual,
  addressFromBigInt,
  addressToBigInt,
  type IpAddress,
  isMulticast,
  isUnspecified,
  type TrafficSelector,
} from '@ipsec-kit/ip';

/** Protocol numbers of echo requests, and of any protocol in a selector. */
const ICMP = { 4: 1, 6: 58 } as const;
const ANY_PROTOCOL = 0;

/** A Child SA, as far as the ends of a probe through it are concerned. */
export interface ProbedChild {
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
  readonly virtualAddresses: readonly IpAddress[];
  readonly dns: readonly IpAddress[];
  readonly path: { readonly remote: { readonly address: IpAddress } };
}

/** Between whom an echo goes through a tunnel. */
export interface ProbeEnds {
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

/** Between whom a path may be probed through a Child SA, best first: hosts that are likely to be there and to answer. They are
 * whoever has sent something, the peer itself where the selectors have its address, its only host, its DNS servers, and the
 * first address of each of its networks, which often is its router.
 * @param seen - who has sent packets through it, the last one first.
 * @param hosts - addresses of this host, which answers are expected at.
 * @returns nothing when its selectors have no place for an echo.
 */
export function probeEnds(
  child: ProbedChild,
  seen: readonly IpAddress[],
  hosts: readonly IpAddress[],
): readonly ProbeEnds[] {
  const remote = child.remoteSelectors.filter(takesEcho);
  const local = child.localSelectors.filter(takesEcho);
  const single = remote.filter(({ start, end }) => addressesEqual(start, end));
  const wanted = [
    ...seen,
    child.path.remote.address,
    ...single.map(({ start }) => start),
    ...child.dns,
    ...remote.flatMap(firstHost),
  ];
  const own = [...child.virtualAddresses, ...hosts, ...local.flatMap(firstHost)];
  return withoutRepeats(wanted).flatMap((destination) => {
    if (!isCovered(remote, destination)) return [];
    const source = own.find((one) => one.version === destination.version && isCovered(local, one));
    return source ? [{ source, destination }] : [];
  });
}

function takesEcho({ protocol, start, startPort }: TrafficSelector): boolean {
  return protocol === ANY_PROTOCOL || (protocol === ICMP[start.version] && startPort === 0);
}

function isCovered(selectors: readonly TrafficSelector[], address: IpAddress): boolean {
  if (isUnspecified(address) || isMulticast(address)) return false;
  const value = addressToBigInt(address);
  return selectors.some(
    ({ start, end }) =>
      start.version === address.version &&
      addressToBigInt(start) <= value &&
      value <= addressToBigInt(end),
  );
}

/** The only address of a range, or the one behind that of the network. All addresses are nobody's network. */
function firstHost({ start, end }: TrafficSelector): IpAddress[] {
  if (addressesEqual(start, end)) return [start];
  if (isUnspecified(start)) return [];
  const first = addressFromBigInt(start.version, addressToBigInt(start) + 1n);
  return first ? [first] : [];
}

function withoutRepeats(addresses: readonly IpAddress[]): IpAddress[] {
  return addresses.filter(
    (address, index) => addresses.findIndex((one) => addressesEqual(one, address)) === index,
  );
}
