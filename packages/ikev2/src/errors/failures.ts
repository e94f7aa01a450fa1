import { formatIdentity, type Identity } from '@ipsec-kit/auth';
import {
  keyExchangeMethodName,
  NotifyType,
  notifyTypeName,
  type Proposal,
} from '@ipsec-kit/ikev2-codec';
import {
  formatAddress,
  formatEndpoint,
  formatSelector,
  type IpAddress,
  type Path,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import type { ConfiguredSelector, ConnectionConfig, LocalAuthentication } from '../config.ts';
import type { Answer } from '../endpoint-io.ts';
import type { SessionFailure } from '../events.ts';
import { describeProposals, describeSelectors } from './describe-offer.ts';

/** The peer did not answer the first exchange. */
export function peerUnreachable(
  path: Path,
  exchange: string,
  transmissions: number,
): SessionFailure {
  return {
    code: 'peer-unreachable',
    sentence: `${formatEndpoint(path.remote)} did not answer ${transmissions} ${exchange} requests sent from ${formatEndpoint(path.local)}; check the address, that a server listens there, and that UDP is not blocked on the way.`,
  };
}

/** The peer stopped answering on an established IKE SA. */
export function peerDead(path: Path, exchange: string, transmissions: number): SessionFailure {
  return {
    code: 'peer-dead',
    sentence: `${formatEndpoint(path.remote)} did not answer ${transmissions} transmissions of a request (${exchange}) and counts as gone; connect again when it can be reached.`,
  };
}

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
  offered: readonly Proposal[],
  what: 'IKE SA' | 'Child SA',
): SessionFailure {
  return {
    code: 'no-proposal-chosen',
    notify: NotifyType.NO_PROPOSAL_CHOSEN,
    sentence: `The peer answered NO_PROPOSAL_CHOSEN: none of our ${what} proposals (${describeProposals(offered)}) is acceptable to it; add one that it accepts, or add one of these there.`,
  };
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

/** The peer speaks another major version. */
export function versionRefused(version: number | undefined): SessionFailure {
  return {
    code: 'invalid-major-version',
    notify: NotifyType.INVALID_MAJOR_VERSION,
    sentence: `The peer does not speak IKE version 2${version === undefined ? '' : ` but at most ${version}`}; it must be set to IKEv2.`,
  };
}

/** The peer sent no NAT detection, so it cannot encapsulate in UDP, and we cannot do without. */
export function natTraversalRefused(path: Path): SessionFailure {
  return {
    code: 'nat-traversal-refused',
    sentence: `${formatEndpoint(path.remote)} does not support NAT traversal (it sent no NAT_DETECTION notifications), but ESP can only be carried inside UDP here; enable NAT traversal or UDP encapsulation on the peer.`,
  };
}

/** The peer refused who we are. */
export function peerRejectedAuthentication(
  local: Identity | undefined,
  remote: string,
  proof: LocalAuthentication['kind'],
): SessionFailure {
  const self = local ? formatIdentity(local) : 'our identity';
  const advice = {
    psk: 'the secrets are the same on both sides',
    signature: 'the peer trusts the CA of our certificate, that this names our identity',
    eap: 'the peer takes EAP of us, with a method that both sides have, that it knows our EAP identity',
  }[proof];
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `The peer answered AUTHENTICATION_FAILED to ${self} asking for ${remote}; check that ${advice} and that the identities are those that the peer is configured for.`,
  };
}

/** There is no secret for a pair of identities, or the store that has them failed. */
export function noSecret(local: Identity, remote: Identity, answer: Answer): SessionFailure {
  if (answer.kind === 'failed') return ownWorkFailed('The search for the secret', answer.reason);
  return {
    code: 'authentication-failed',
    sentence: `There is no secret for ${formatIdentity(local)} and ${formatIdentity(remote)}; add one for either identity to the secrets.`,
  };
}

/** There is no key that could sign for us, or what signs failed. */
export function noSignature(local: Identity, answer: Answer): SessionFailure {
  if (answer.kind === 'sign' && !answer.proof) {
    return { code: 'authentication-failed', sentence: answer.sentence };
  }
  const reason = answer.kind === 'failed' ? answer.reason : `unexpected answer ${answer.kind}`;
  return ownWorkFailed(`The signature for ${formatIdentity(local)}`, reason);
}

/** The same peer came again, and its first session is kept. */
export function peerIsHere(remote: Identity): SessionFailure {
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `${formatIdentity(remote)} has a session already, and "unique = keep" refuses another one.`,
  };
}

/** The peer did not repeat our COOKIE2 from where it says it is. */
export function pathNotProven(path: Path): SessionFailure {
  return {
    code: 'internal',
    sentence: `The peer moved to ${formatEndpoint(path.remote)} but did not prove that it receives there (COOKIE2 missing or different), so the session was closed.`,
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

/** No connection is configured for these identities. */
export function noConnectionForIdentities(
  remote: Identity,
  local: Identity | undefined,
): SessionFailure {
  const asked = local ? ` asking for ${formatIdentity(local)}` : '';
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `No connection for these addresses and algorithms is configured for ${formatIdentity(remote)}${asked}; check the identities of both sides.`,
  };
}

/** The peer began an IKE SA and did not go on. */
export function neverAuthenticated(path: Path): SessionFailure {
  return {
    code: 'peer-unreachable',
    sentence: `${formatEndpoint(path.remote)} began with IKE_SA_INIT and did not go on with IKE_AUTH in time.`,
  };
}

/** The peer did not prove who it is. */
export function peerNotAuthentic(remote: Identity, detail: string): SessionFailure {
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `The peer ${formatIdentity(remote)} could not be authenticated: ${detail}.`,
  };
}

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

/** Any other error notification of the peer. */
export function otherNotify(notify: number, during: string): SessionFailure {
  return {
    code: notify === NotifyType.NO_ADDITIONAL_SAS ? 'no-additional-sas' : codeOfNotify(notify),
    notify,
    sentence: `The peer answered ${notifyTypeName(notify)} to ${during}; its log says why.`,
  };
}

/** The peer sent what cannot be understood. */
export function malformedFromPeer(during: string, detail: string): SessionFailure {
  return {
    code: 'invalid-syntax',
    notify: NotifyType.INVALID_SYNTAX,
    sentence: `The ${during} of the peer is not valid: ${detail}; this is a fault of the peer.`,
  };
}

/** The peer sent a critical payload that is not known here. */
export function criticalPayloadFromPeer(payloadType: number): SessionFailure {
  return {
    code: 'unsupported-critical-payload',
    notify: NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD,
    sentence: `The peer sent payload type ${payloadType} and marked it critical, but it is not supported here; turn that extension off on the peer.`,
  };
}

/** The packet path did not take a Child SA. */
export function installFailed(reason: string): SessionFailure {
  return { code: 'install-failed', sentence: `The packet path refused the Child SA: ${reason}.` };
}

/** The peer has put off the same request for minutes. */
export function outOfStep(): SessionFailure {
  return {
    code: 'out-of-step',
    notify: NotifyType.TEMPORARY_FAILURE,
    sentence:
      'The peer answered TEMPORARY_FAILURE to the same request for minutes, so the two sides no longer agree on what exists; the IKE SA was closed.',
  };
}

/** Work of our own failed. */
export function ownWorkFailed(what: string, reason: string): SessionFailure {
  return { code: 'internal', sentence: `${what} failed: ${reason}.` };
}

function codeOfNotify(notify: number): SessionFailure['code'] {
  switch (notify) {
    case NotifyType.INVALID_SYNTAX:
      return 'invalid-syntax';
    case NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD:
      return 'unsupported-critical-payload';
    case NotifyType.INVALID_MAJOR_VERSION:
      return 'invalid-major-version';
    case NotifyType.AUTHENTICATION_FAILED:
      return 'authentication-failed';
    case NotifyType.FAILED_CP_REQUIRED:
    case NotifyType.INTERNAL_ADDRESS_FAILURE:
      return 'internal-address-failure';
    default:
      return 'internal';
  }
}

function describeConfigured(selectors: readonly ConfiguredSelector[]): string {
  const texts = selectors
    .slice(0, 8)
    .map((one) => (one.kind === 'dynamic' ? 'dynamic' : formatSelector(one.selector)));
  return texts.join(', ') || 'nothing';
}
