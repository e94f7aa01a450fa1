import { keyExchangeMethodName, NotifyType, type Proposal } from '@ipsec-kit/ikev2-codec';
import { formatEndpoint, type Path } from '@ipsec-kit/ip';
import type { SessionFailure } from '../events.ts';
import { describeProposals } from './describe-offer.ts';
import { otherNotify } from './failures.ts';

type Transforms = Pick<Proposal, 'transforms'>;

/** We found none of the peer's proposals acceptable. */
export function noProposalForPeer(
  offered: readonly Proposal[],
  ours: readonly Proposal[],
  what: 'IKE SA' | 'Child SA',
): SessionFailure {
  return {
    code: 'no-proposal-chosen',
    notify: NotifyType.NO_PROPOSAL_CHOSEN,
    sentence: `No ${what} proposal in common: the peer offered ${describeProposals(offered)}, we accept ${describeProposals(ours)}; give both sides one proposal that is the same.`,
  };
}

/** The peer refused our proposals. */
export function ourProposalsRefused(
  offered: readonly Transforms[],
  what: 'IKE SA' | 'Child SA',
): SessionFailure {
  return {
    code: 'no-proposal-chosen',
    notify: NotifyType.NO_PROPOSAL_CHOSEN,
    sentence: `The peer answered NO_PROPOSAL_CHOSEN: none of our ${what} proposals (${describeProposals(offered)}) is acceptable to it; add one that it accepts, or add one of these there.`,
  };
}

/** The peer refused to replace the IKE SA. */
export function ikeRekeyRefused(notify: number, offered: readonly Transforms[]): SessionFailure {
  if (notify === NotifyType.NO_PROPOSAL_CHOSEN) return ourProposalsRefused(offered, 'IKE SA');
  return otherNotify(notify, `the rekey of the IKE SA (${describeProposals(offered)})`);
}

/** For our own log: the proposal in common has another key exchange than the KE payload of the peer. */
export function otherKeyExchangeWanted(
  exchange: string,
  sent: number | undefined,
  wanted: number,
): string {
  const has = sent === undefined ? 'no KE' : `a KE of ${keyExchangeMethodName(sent)}`;
  return `${exchange} request with ${has}, where the proposal in common has ${keyExchangeMethodName(wanted)}`;
}

/** The peer refused our offer of transport mode, for which it has the same word. @see RFC 7296 §3.10.1 (14) */
export function ourTransportOfferRefused(offered: readonly Proposal[]): SessionFailure {
  return {
    code: 'no-proposal-chosen',
    notify: NotifyType.NO_PROPOSAL_CHOSEN,
    sentence: `The peer answered NO_PROPOSAL_CHOSEN to our offer of transport mode: it cannot carry it, as strongSwan's userspace ESP cannot, or none of our Child SA proposals (${describeProposals(offered)}) is acceptable to it; use tunnel mode on both sides, or give both one proposal that is the same.`,
  };
}

/** The peer answered with something that we did not offer. */
export function inconsistentAnswer(what: string, offered: string): SessionFailure {
  return {
    code: 'invalid-syntax',
    sentence: `The peer chose ${what}, which is not what we offered (${offered}); this is a fault of the peer.`,
  };
}

/** The peer wants a key exchange that we may not use, or one that it refused before. */
export function keyExchangeRefused(method: number, ours: readonly number[]): SessionFailure {
  return {
    code: 'invalid-ke-payload',
    notify: NotifyType.INVALID_KE_PAYLOAD,
    sentence: `The peer wants the key exchange ${keyExchangeMethodName(method)}, our proposals have ${ours.map(keyExchangeMethodName).join(', ')}, each is tried once; give both sides one key exchange that is the same.`,
  };
}

/** A public value was unusable. */
export function keyExchangeInvalid(method: number, reason: string): SessionFailure {
  return {
    code: 'invalid-ke-payload',
    sentence: `The peer's public value for ${keyExchangeMethodName(method)} is not valid (${reason}); this is a fault of the peer or an attack.`,
  };
}

/** The peer does not do what the connection requires, or has no key for it. */
export function ppkNotUsed(connection: string): SessionFailure {
  return {
    code: 'authentication-failed',
    sentence: `The peer uses no post-quantum pre-shared key (RFC 8784), which ${connection} requires; give it the key, or set ppk_required = no here.`,
  };
}

/** Nothing says which key an initiator is to use, but it must use one. */
export function noOwnPpk(connection: string): SessionFailure {
  return {
    code: 'authentication-failed',
    sentence: `The connection ${connection} requires a post-quantum pre-shared key and names none; set ppk_id.`,
  };
}

/** No connection is configured for these addresses. */
export function noConnectionForPath(path: Path): SessionFailure {
  return {
    code: 'no-proposal-chosen',
    notify: NotifyType.NO_PROPOSAL_CHOSEN,
    sentence: `No connection is configured for ${formatEndpoint(path.remote)} talking to ${formatEndpoint(path.local)}; check local_addrs and remote_addrs.`,
  };
}
