import { NotifyType, notifyTypeName } from '@ipsec-kit/ikev2-codec';
import { formatEndpoint, type Path } from '@ipsec-kit/ip';
import type { SessionFailure } from '../events.ts';

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

/** The peer did not repeat our COOKIE2 from where it says it is. */
export function pathNotProven(path: Path): SessionFailure {
  return {
    code: 'internal',
    sentence: `The peer moved to ${formatEndpoint(path.remote)} but did not prove that it receives there (COOKIE2 missing or different), so the session was closed.`,
  };
}

/** The peer began an IKE SA and did not go on. */
export function neverAuthenticated(path: Path): SessionFailure {
  return {
    code: 'peer-unreachable',
    sentence: `${formatEndpoint(path.remote)} began with IKE_SA_INIT and did not go on with IKE_AUTH in time.`,
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
