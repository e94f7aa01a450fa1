import type { VpnEvent } from '@ipsec-kit/vpn';

/** What is told of a session that stands, in words that do not say whose it is. */
const OF_A_SESSION: ReadonlySet<VpnEvent['kind']> = new Set<VpnEvent['kind']>([
  'child-opened',
  'child-failed',
  'child-closed',
  'child-rekeyed',
  'session-rekeyed',
  'session-revalidated',
  'session-reauthenticated',
  'rekey-failed',
  'reauthentication-failed',
  'session-interrupted',
  'liveness-confirmed',
  'peer-path-changed',
  'session-closed',
]);

/** Remembers whose each session is, so that a line about one of many says so: the identity of the peer, and with it the number of
 * the session where another has the same.
 */
export class SessionNames {
  readonly #peers = new Map<number, string>();
  /** Sessions by the identity of their peer. */
  readonly #counts = new Map<string, number>();

  /** Takes an event. @returns the name of the session that it is about; `undefined` when it says that itself, or nobody knows. */
  nameFor(event: VpnEvent): string | undefined {
    if (event.kind === 'session-opened') this.#enter(event.sessionId, event.remoteIdentity);
    if (!OF_A_SESSION.has(event.kind) || !('sessionId' in event)) return undefined;
    const { sessionId } = event;
    const peer = sessionId === undefined ? undefined : this.#peers.get(sessionId);
    if (peer === undefined || sessionId === undefined) return undefined;
    const name = this.#counts.get(peer) === 1 ? peer : `${peer} (session ${sessionId})`;
    if (event.kind === 'session-closed') this.#leave(sessionId);
    return name;
  }

  /** One that is opened anew has its number already. */
  #enter(sessionId: number, peer: string): void {
    this.#leave(sessionId);
    this.#peers.set(sessionId, peer);
    this.#counts.set(peer, (this.#counts.get(peer) ?? 0) + 1);
  }

  #leave(sessionId: number): void {
    const peer = this.#peers.get(sessionId);
    if (peer === undefined) return;
    this.#peers.delete(sessionId);
    const left = (this.#counts.get(peer) ?? 0) - 1;
    if (left > 0) this.#counts.set(peer, left);
    else this.#counts.delete(peer);
  }
}
