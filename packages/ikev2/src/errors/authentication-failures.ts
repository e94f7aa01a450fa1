import { formatIdentity, type Identity } from '@ipsec-kit/auth';
import { NotifyType } from '@ipsec-kit/ikev2-codec';
import type { LocalAuthentication } from '../config.ts';
import type { Answer } from '../endpoint-io.ts';
import type { SessionFailure } from '../events.ts';
import { ownWorkFailed } from './failures.ts';

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

/** The peer did not prove who it is. */
export function peerNotAuthentic(remote: Identity, detail: string): SessionFailure {
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `The peer ${formatIdentity(remote)} could not be authenticated: ${detail}.`,
  };
}
