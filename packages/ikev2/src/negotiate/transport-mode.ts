import {
  addressesEqual,
  addressToSelector,
  type IpAddress,
  isUnspecified,
  type Path,
  selectorContains,
  selectorsEqual,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import type { NatStatus } from '@ipsec-kit/nat-t';
import type { ConfiguredSelector } from '../config.ts';
import type { TransportAddresses } from '../endpoint-work.ts';
import type { NarrowedSelectors } from './selectors.ts';

/** Between which addresses an offer of transport mode is, and what stood between them when it was made. */
export interface TransportOffer {
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly nat: Pick<NatStatus, 'local' | 'remote'>;
}

/** Selectors in transport mode, and the addresses that go into rebuilt headers and corrected checksums. */
export interface TransportSelectors extends NarrowedSelectors {
  readonly addresses: TransportAddresses;
}

/** What a configuration allows between the outer addresses alone, protocols and ports included.
 * @returns `undefined` when it does not cover them, or they are not known: transport mode is not possible.
 * @see RFC 7296 §2.23.1 (the selectors MUST have exactly one address, that of the IKE SA)
 */
export function hostSelectors(
  local: readonly ConfiguredSelector[],
  remote: readonly ConfiguredSelector[],
  path: Path,
): NarrowedSelectors | undefined {
  const own = onlyHost(local, path.local.address);
  const theirs = onlyHost(remote, path.remote.address);
  return own.length > 0 && theirs.length > 0 ? { local: own, remote: theirs } : undefined;
}

function onlyHost(configured: readonly ConfiguredSelector[], host: IpAddress): TrafficSelector[] {
  if (isUnspecified(host)) return [];
  const found = configured.flatMap((entry) => {
    if (entry.kind === 'dynamic') return [addressToSelector(host, entry.protocol, entry)];
    const { selector } = entry;
    const onHost = addressToSelector(host, selector.protocol, selector);
    return selectorContains(selector, onHost) ? [onHost] : [];
  });
  return withoutRepeats(found);
}

/** The same protocols and ports between other addresses: what is kept when a peer has moved. */
export function atHost(selectors: readonly TrafficSelector[], host: IpAddress): TrafficSelector[] {
  const moved = selectors.map((each) => addressToSelector(host, each.protocol, each));
  return withoutRepeats(moved);
}

function withoutRepeats(selectors: readonly TrafficSelector[]): TrafficSelector[] {
  return selectors.filter(
    (each, index) => selectors.findIndex((other) => selectorsEqual(other, each)) === index,
  );
}

/** The selectors of the peer, in an offer or an answer, with the addresses that a NAT has changed replaced by those of
 * the IKE SA, and the ones that the peer wrote kept: its checksums cover them.
 * @returns `undefined` when one side has more than one address, or one that no NAT explains: not host to host.
 * @see RFC 7296 §2.23.1, for both roles
 */
export function substituteAddresses(
  { local, remote, nat }: TransportOffer,
  received: NarrowedSelectors,
): TransportSelectors | undefined {
  const ownAtPeer = singleAddress(received.local);
  const peerAtPeer = singleAddress(received.remote);
  if (!ownAtPeer || !peerAtPeer) return undefined;
  const isSame = addressesEqual(ownAtPeer, local) && addressesEqual(peerAtPeer, remote);
  if (!nat.local && !addressesEqual(ownAtPeer, local)) return undefined;
  if (!nat.remote && !addressesEqual(peerAtPeer, remote)) return undefined;
  return {
    local: atHost(received.local, local),
    remote: atHost(received.remote, remote),
    addresses: {
      local,
      remote,
      ...(isSame ? {} : { atPeer: { local: ownAtPeer, remote: peerAtPeer } }),
    },
  };
}

function singleAddress(selectors: readonly TrafficSelector[]): IpAddress | undefined {
  const address = selectors[0]?.start;
  const isHost = ({ start, end }: TrafficSelector): boolean =>
    address !== undefined && addressesEqual(start, address) && addressesEqual(end, address);
  return selectors.every(isHost) ? address : undefined;
}
