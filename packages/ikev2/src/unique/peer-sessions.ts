import { formatIdentity, type Identity, identitiesEqual } from '@ipsec-kit/auth';
import type { IkeSession } from '../session/ike-session.ts';

/** The authenticated sessions by the identities of both sides, so that others of the same peer are found without a search. */
export class PeerSessions {
  readonly #byPeer = new Map<string, Set<IkeSession>>();

  /** Enters a session whose identities are known. */
  add(session: IkeSession): void {
    const key = keyOf(session);
    if (key === undefined) return;
    const sessions = this.#byPeer.get(key) ?? new Set();
    sessions.add(session);
    this.#byPeer.set(key, sessions);
  }

  remove(session: IkeSession): void {
    const key = keyOf(session);
    const sessions = key === undefined ? undefined : this.#byPeer.get(key);
    if (key === undefined || !sessions?.delete(session)) return;
    if (sessions.size === 0) this.#byPeer.delete(key);
  }

  /** The others between the same two identities, the oldest first. */
  others(session: IkeSession): readonly IkeSession[] {
    const key = keyOf(session);
    const sessions = key === undefined ? undefined : this.#byPeer.get(key);
    if (!sessions) return [];
    return [...sessions].filter((other) => other !== session && haveSamePeers(session, other));
  }
}

/** Equal for identities that are equal; what is printed alike is compared in {@link haveSamePeers}. */
function keyOf({ localIdentity, remoteIdentity, eapIdentity }: IkeSession): string | undefined {
  if (!localIdentity || !remoteIdentity) return undefined;
  const remote = eapIdentity ? `EAP ${textOf(eapIdentity)}` : textOf(remoteIdentity);
  return `${textOf(localIdentity)} ${remote}`;
}

function textOf(identity: Identity): string {
  return `${identity.idType}:${formatIdentity(identity).toLowerCase()}`;
}

function haveSamePeers(a: IkeSession, b: IkeSession): boolean {
  if (!a.localIdentity || !b.localIdentity) return false;
  return identitiesEqual(a.localIdentity, b.localIdentity) && isSamePeer(a, b);
}

/** Whether two sessions are with the same peer. Of one that EAP has proven, IDi proves nothing: it goes by what EAP has proven.
 * @see RFC 7296 §2.16
 */
export function isSamePeer(a: IkeSession, b: IkeSession): boolean {
  if ((a.eapIdentity === undefined) !== (b.eapIdentity === undefined)) return false;
  const [one, other] = [a.eapIdentity ?? a.remoteIdentity, b.eapIdentity ?? b.remoteIdentity];
  return one !== undefined && other !== undefined && identitiesEqual(one, other);
}
