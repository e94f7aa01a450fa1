import type { KeyMaterial } from '@ipsec-kit/crypto';
import { findNotify, NotifyType, notify, type Payload } from '@ipsec-kit/ikev2-codec';
import type { ConnectionConfig } from '../config.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { NO_PPK_IN_ANSWER, peerNotAuthentic } from '../errors/authentication-failures.ts';
import type { SessionFailure } from '../events.ts';
import { erasePpkKeys, mixPpk } from '../keys/ppk-keys.ts';
import { dropPpk, type IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { addressIdentity } from '../session/own-identity.ts';
import { encodePpkId } from './ppk-id.ts';

/** USE_PPK of an initiator that has a key for its peer. @see RFC 8784 §3 (MUST, whether or not it is mandatory) */
export function announcePpk(connection: ConnectionConfig | undefined): readonly Payload[] {
  return connection?.ppk?.own ? [notify(NotifyType.USE_PPK)] : [];
}

/** Puts a post-quantum pre-shared key into the keys of the IKE SA.
 * @param isOptional - the peer may do without: the keys from before are kept until that is known.
 */
export function usePpk(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  ppk: KeyMaterial,
  isOptional: boolean,
): IkeSa {
  const { skD, skPi, skPr } = sa.keys;
  const before = { skD, skPi, skPr };
  const keys = { ...sa.keys, ...mixPpk(context.crypto, sa.suite.prf, before, ppk) };
  if (!isOptional) erasePpkKeys(before);
  const mixed: IkeSa = { ...sa, keys, ...(isOptional ? { withoutPpk: before } : {}) };
  session.sa = mixed;
  session.ppk = isOptional ? 'tried' : 'used';
  return mixed;
}

/** As initiator, before the AUTH payload is made: puts the key in where both sides have announced it. */
export function beginPpk(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  { ppk }: ConnectionConfig,
): IkeSa {
  if (session.ppk !== 'announced' || !ppk?.own) return sa;
  const begun = usePpk(context, session, sa, ppk.own.key, !ppk.required);
  session.ppk = 'tried';
  return begun;
}

/** The notifications beside the initiator's AUTH payload: which key is in it, and where the key is optional the same proof without.
 * @param plain - that proof: a payload AUTH among others. @see RFC 8784 §3
 */
export function ppkNotifies(
  session: IkeSession,
  { ppk }: ConnectionConfig,
  plain: readonly Payload[],
): readonly Payload[] {
  if (session.ppk !== 'tried' || !ppk?.own) return [];
  const identity = notify(NotifyType.PPK_IDENTITY, encodePpkId(ppk.own.idType, ppk.own.id));
  const proofs = plain.flatMap((one) => (one.type === 'AUTH' ? [one.data] : []));
  return [identity, ...proofs.map((data) => notify(NotifyType.NO_PPK_AUTH, data))];
}

/** As initiator, with the response that has the AUTH payload: goes on with the key, or without where that is allowed.
 * @returns why it cannot go on.
 * @see RFC 8784 §3 (what is in the PPK_IDENTITY of a response MUST be ignored)
 */
export function settlePpk(
  session: IkeSession,
  payloads: readonly Payload[],
): SessionFailure | undefined {
  const { sa, path, remoteIdentity } = session;
  if (session.ppk !== 'tried' || !sa) return undefined;
  if (findNotify(payloads, NotifyType.PPK_IDENTITY)) {
    if (sa.withoutPpk) erasePpkKeys(sa.withoutPpk);
    const { withoutPpk: _, ...kept } = sa;
    session.sa = kept;
    session.ppk = 'used';
    return undefined;
  }
  if (!sa.withoutPpk) {
    const remote = remoteIdentity ?? addressIdentity(path.remote.address);
    return peerNotAuthentic(remote, NO_PPK_IN_ANSWER);
  }
  session.sa = dropPpk(sa);
  session.ppk = 'none';
  return undefined;
}

/** PPK_IDENTITY of a responder that has used the key. @see RFC 8784 §3 */
export function confirmPpk({ ppk }: IkeSession): readonly Payload[] {
  return ppk === 'used' ? [notify(NotifyType.PPK_IDENTITY)] : [];
}

/** Whether a session whose connection has post-quantum pre-shared keys uses one, for the events. @see RFC 8784 §6 (SHOULD audit) */
export function ppkOutcome({ ppk, connection }: IkeSession): { readonly ppk?: 'used' | 'unused' } {
  if (!connection?.ppk) return {};
  return { ppk: ppk === 'used' ? 'used' : 'unused' };
}
