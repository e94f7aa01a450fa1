import { formatIdentity, type Identity } from '@ipsec-kit/auth';
import { NotifyType } from '@ipsec-kit/ikev2-codec';
import { formatAddress, formatSelector, type IpAddress, type TrafficSelector } from '@ipsec-kit/ip';
import type { ConfiguredSelector, ConnectionConfig } from '../config.ts';
import type { SessionFailure } from '../events.ts';
import { describeSelectors } from './describe-offer.ts';

/** The peer accepts none of our traffic selectors. */
export function selectorsRefused(
  local: readonly TrafficSelector[],
  remote: readonly TrafficSelector[],
): SessionFailure {
  return {
    code: 'ts-unacceptable',
    notify: NotifyType.TS_UNACCEPTABLE,
    sentence: `The peer answered TS_UNACCEPTABLE to the selectors that we offered (${describeSelectors(local)} here, ${describeSelectors(remote)} there); make local_ts and remote_ts overlap on both sides.`,
  };
}

/** The peer answered a rekey with less than the Child SA carries that is to be replaced. */
export function narrowedRekey(
  local: readonly TrafficSelector[],
  remote: readonly TrafficSelector[],
): SessionFailure {
  return {
    code: 'ts-unacceptable',
    sentence: `The peer narrowed the selectors of a rekey (to ${describeSelectors(local)} here, ${describeSelectors(remote)} there), which would drop what the Child SA carries; it stays until its lifetime is over. If the selectors of the peer have changed, close the Child SA.`,
  };
}

/** We accept none of the peer's traffic selectors. */
export function selectorsNotConfigured(
  local: readonly TrafficSelector[],
  remote: readonly TrafficSelector[],
  { name, children }: Pick<ConnectionConfig, 'name' | 'children'>,
): SessionFailure {
  const ours = children
    .slice(0, 8)
    .map(
      (child) =>
        `${child.name} allows ${describeConfigured(child.localSelectors)} here, ${describeConfigured(child.remoteSelectors)} there`,
    );
  return {
    code: 'ts-unacceptable',
    notify: NotifyType.TS_UNACCEPTABLE,
    sentence: `The peer offered selectors (${describeSelectors(local)} here, ${describeSelectors(remote)} there) that no child of connection ${name} allows (${ours.join('; ')}); make local_ts and remote_ts overlap on both sides.`,
  };
}

/** Transport mode for two peers behind one NAT. */
export function addressTaken(remote: IpAddress): SessionFailure {
  return {
    code: 'ts-unacceptable',
    notify: NotifyType.TS_UNACCEPTABLE,
    sentence: `Another peer behind ${formatAddress(remote)} has this traffic in transport mode already, and packets to the two could not be told apart (RFC 3948 §5.2); use tunnel mode with virtual addresses for peers behind one NAT.`,
  };
}

/** The peer could not give a virtual address. */
export function noAddressFromPeer(requested: readonly IpAddress[]): SessionFailure {
  return {
    code: 'internal-address-failure',
    notify: NotifyType.INTERNAL_ADDRESS_FAILURE,
    sentence: `The peer gave no virtual address (we asked for ${requested.map(formatAddress).join(', ') || 'none'}); its pool is empty or does not serve us, or it needs vips to be requested.`,
  };
}

/** Our pools are exhausted. */
export function noAddressForPeer(pools: readonly string[], identity: Identity): SessionFailure {
  return {
    code: 'internal-address-failure',
    notify: NotifyType.INTERNAL_ADDRESS_FAILURE,
    sentence: `No address is free in ${pools.join(', ')} for ${formatIdentity(identity)}; enlarge the pool or close sessions.`,
  };
}

function describeConfigured(selectors: readonly ConfiguredSelector[]): string {
  const texts = selectors
    .slice(0, 8)
    .map((one) => (one.kind === 'dynamic' ? 'dynamic' : formatSelector(one.selector)));
  return texts.join(', ') || 'nothing';
}
