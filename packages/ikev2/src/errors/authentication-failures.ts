import { formatIdentity, formatIdentityPattern, type Identity } from '@ipsec-kit/auth';
import { NotifyType } from '@ipsec-kit/ikev2-codec';
import type { ConnectionConfig, LocalAuthentication } from '../config.ts';
import type { Answer } from '../endpoint-work.ts';
import type { SessionFailure } from '../events.ts';
import { answerReason } from './answer-reason.ts';
import { otherNotify, ownWorkFailed } from './failures.ts';

/** Most connections that a sentence names. */
const MAX_NAMED = 8;

/** Who we said that we are, how we proved it, and whom we asked for. */
export interface OwnClaim {
  readonly local: Identity | undefined;
  readonly connection: Pick<ConnectionConfig, 'remoteIdentity' | 'localAuthentication'> | undefined;
}

/** The peer refused who we are. */
export function peerRejectedAuthentication(claim: OwnClaim): SessionFailure {
  const advice = {
    psk: 'the secrets are the same on both sides',
    signature: 'the peer trusts the CA of our certificate, that this names our identity',
    eap: 'the peer takes EAP of us, with a method that both sides have, that it knows our EAP identity',
  }[kindOf(claim)];
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `The peer answered AUTHENTICATION_FAILED to ${describeClaim(claim)}; check that ${advice} and that the identities are those that the peer is configured for.`,
  };
}

/** The peer refused IKE_AUTH for another reason. */
export function ikeAuthRefused(notify: number, claim: OwnClaim): SessionFailure {
  return otherNotify(notify, `IKE_AUTH (${describeClaim(claim)})`);
}

const PROOFS: Readonly<Record<LocalAuthentication['kind'], string>> = {
  psk: 'a pre-shared key',
  signature: 'a signature',
  eap: 'EAP',
};

function describeClaim(claim: OwnClaim): string {
  const { local, connection } = claim;
  const self = local ? formatIdentity(local) : 'our identity';
  const remote = connection ? formatIdentityPattern(connection.remoteIdentity) : 'anybody';
  return `${self}, proven by ${PROOFS[kindOf(claim)]}, asking for ${remote}`;
}

function kindOf({ connection }: OwnClaim): LocalAuthentication['kind'] {
  return connection?.localAuthentication?.kind ?? 'psk';
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
  return ownWorkFailed(`The signature for ${formatIdentity(local)}`, answerReason(answer));
}

/** The same peer came again, and its first session is kept. */
export function peerIsHere(remote: Identity): SessionFailure {
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `${formatIdentity(remote)} has a session already, and "unique = keep" refuses another one.`,
  };
}

/** Why a peer is refused for the post-quantum pre-shared key; to the peer all of it is AUTHENTICATION_FAILED. @see RFC 8784 §3 */
export const PPK_MISSING: string =
  'it uses no post-quantum pre-shared key, which the connection requires; give it one, or set ppk_required = no here';
export const NO_PPK_IDENTITY: string =
  'it has announced a post-quantum pre-shared key and names none; this is a fault of the peer';
export const PPK_UNKNOWN: string =
  'it names a post-quantum pre-shared key that is not there for it, and one of both requires the key; give both sides the same ppk_id and secret';
export const NO_PPK_IN_ANSWER: string =
  'it answers without the post-quantum pre-shared key, which the connection requires; give it the key of our ppk_id, or set ppk_required = no here';
/** Behind why a proof is wrong that a key is in. */
const OR_THE_PPK = ', or the post-quantum pre-shared key that is in it';

/** No connection is configured for these identities.
 * @param configured - the connections for the addresses of the two.
 */
export function noConnectionForIdentities(
  remote: Identity,
  local: Identity | undefined,
  configured: readonly Pick<ConnectionConfig, 'name' | 'localIdentity' | 'remoteIdentity'>[],
): SessionFailure {
  const asked = local ? ` asking for ${formatIdentity(local)}` : '';
  const ours = configured.slice(0, MAX_NAMED).map(({ name, localIdentity, remoteIdentity }) => {
    const self = localIdentity ? formatIdentity(localIdentity) : 'our address';
    return `${name} is ${self} for ${formatIdentityPattern(remoteIdentity)}`;
  });
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `No connection for these addresses and algorithms is configured for ${formatIdentity(remote)}${asked} (${ours.join('; ') || 'there is none for these addresses'}); check the identities of both sides.`,
  };
}

/** A proof is wrong: with a post-quantum pre-shared key in it, that may be why. */
export function wrongProof(remote: Identity, detail: string, hasPpk: boolean): SessionFailure {
  return peerNotAuthentic(remote, hasPpk ? `${detail}${OR_THE_PPK}` : detail);
}

/** The peer did not prove who it is. */
export function peerNotAuthentic(remote: Identity, detail: string): SessionFailure {
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `The peer ${formatIdentity(remote)} could not be authenticated: ${detail}.`,
  };
}
