import type { SessionEvent } from '@ipsec-kit/ikev2';

/** What happens when a peer opens a second session with the same identity. */
export type UniqueMode = 'never' | 'no' | 'keep' | 'replace';

/** Decides which sessions end because a peer has more than one. */
export interface UniquePolicy {
  /** Takes an event. @returns the sessions to close because of it. */
  note(event: SessionEvent): readonly number[];
}

/** Makes the policy of a server: `replace` ends the older sessions of an identity, `keep` the new one;
 * `no` and `never` end none here. A peer's INITIAL_CONTACT is the business of the IKE machine.
 * @param modeOf - the mode of a connection, by name.
 */
export function createUniquePolicy(modeOf: (connection: string) => UniqueMode): UniquePolicy {
  const sessionsByPeer = new Map<string, Set<number>>();
  const peerBySession = new Map<number, string>();

  function opened(event: Extract<SessionEvent, { kind: 'session-opened' }>): readonly number[] {
    const { sessionId, connection, remoteIdentity } = event;
    const mode = modeOf(connection);
    if (mode !== 'replace' && mode !== 'keep') return [];
    const peer = `${connection} ${remoteIdentity.idType} ${remoteIdentity.data.join('.')}`;
    const sessions = sessionsByPeer.get(peer) ?? new Set();
    const others = [...sessions];
    sessions.add(sessionId);
    sessionsByPeer.set(peer, sessions);
    peerBySession.set(sessionId, peer);
    if (others.length === 0) return [];
    return mode === 'replace' ? others : [sessionId];
  }

  function closed(sessionId: number): void {
    const peer = peerBySession.get(sessionId);
    if (peer === undefined) return;
    peerBySession.delete(sessionId);
    const sessions = sessionsByPeer.get(peer);
    sessions?.delete(sessionId);
    if (sessions?.size === 0) sessionsByPeer.delete(peer);
  }

  return {
    note(event) {
      if (event.kind === 'session-opened') return opened(event);
      if (event.kind === 'session-closed') closed(event.sessionId);
      return [];
    },
  };
}
