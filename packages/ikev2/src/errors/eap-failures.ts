import { formatIdentity, type Identity } from '@ipsec-kit/auth';
import { NotifyType } from '@ipsec-kit/ikev2-codec';
import type { ConnectionConfig } from '../config.ts';
import type { SessionFailure } from '../events.ts';
import { peerNotAuthentic } from './authentication-failures.ts';

/** The peer left AUTH out, and no connection for it takes EAP. */
export function eapNotConfigured(
  remote: Identity,
  { name, localAuthentication }: ConnectionConfig,
  takesEap: boolean,
): SessionFailure {
  if (takesEap && localAuthentication?.kind === 'eap') {
    const detail = `${name} proves itself by nothing but EAP (local auth = eap), which the peer did not ask for; give ${name} a certificate, or set the peer to EAP-only authentication (RFC 5998)`;
    return peerNotAuthentic(remote, detail);
  }
  const detail = `it sent no AUTH, so it wants EAP, which ${name} does not take of it; set both sides to the same way`;
  return peerNotAuthentic(remote, detail);
}

/** EAP has failed, for us as its peer: by the other end's word, or since we do not believe it. */
export function eapFailed(local: Identity | undefined, detail: string): SessionFailure {
  const self = local ? ` for ${formatIdentity(local)}` : '';
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `EAP${self} failed: ${detail}.`,
  };
}

/** EAP has proven somebody for whom no connection is. */
export function noConnectionForUser(user: Identity): SessionFailure {
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `EAP has proven ${formatIdentity(user)}, for whom no connection is configured; check eap_id.`,
  };
}

/** The initiator has ended the IKE SA in the midst of the conversation. */
export function eapLeft(remote: Identity | undefined): SessionFailure {
  const peer = remote ? `The peer ${formatIdentity(remote)}` : 'The peer';
  return {
    code: 'authentication-failed',
    notify: NotifyType.AUTHENTICATION_FAILED,
    sentence: `${peer} ended the EAP conversation: its password is wrong, it does not believe us or take our method, or it was closed there.`,
  };
}

/** The conversation has more exchanges than any method needs, or takes too long. */
export const EAP_TOO_LONG = 'the EAP conversation does not end';
/** An AUTH payload after EAP that is not made of its key. */
export const WRONG_EAP_KEY =
  'its AUTH does not match the key of the EAP conversation, so it was not who had that, or somebody stands between';
