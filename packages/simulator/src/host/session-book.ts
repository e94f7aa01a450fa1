import type { SessionEvent, SessionFailure } from '@ipsec-kit/ikev2';
import type { IpAddress } from '@ipsec-kit/ip';

/** What is known of one IKE session of a host from its events. */
export interface SimulatedSession {
  readonly sessionId: number;
  readonly initiator: boolean;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  /** Both ends are authenticated. */
  readonly isOpen: boolean;
  readonly virtualAddresses: readonly IpAddress[];
  readonly peerAddresses: readonly IpAddress[];
}

/** How a session ended. */
export interface EndedSession {
  readonly sessionId: number;
  readonly failure: SessionFailure;
}

/** Most endings that are remembered. */
const MAX_ENDED = 1024;

/** Keeps account of a host's sessions. */
export class SessionBook {
  readonly #sessions = new Map<number, SimulatedSession>();
  #ended: EndedSession[] = [];

  /** IKE SAs that have keys, by session id. */
  get sessions(): ReadonlyMap<number, SimulatedSession> {
    return this.#sessions;
  }

  /** The last sessions that ended, oldest first. */
  get ended(): readonly EndedSession[] {
    return this.#ended;
  }

  note(event: SessionEvent): void {
    switch (event.kind) {
      case 'ike-sa-keyed':
        // Of an open session it is the IKE SA that may take the place of the one in use: a later event tells.
        if (this.#sessions.get(event.sessionId)?.isOpen) return;
        this.#sessions.set(event.sessionId, {
          sessionId: event.sessionId,
          initiator: event.initiator,
          initiatorSpi: event.initiatorSpi,
          responderSpi: event.responderSpi,
          isOpen: false,
          virtualAddresses: [],
          peerAddresses: [],
        });
        return;
      case 'session-opened': {
        const { sessionId, virtualAddresses, peerAddresses, by, spis } = event;
        this.#forgetUnnamed(spis.initiator, spis.responder);
        this.#sessions.set(sessionId, {
          sessionId,
          initiator: by === 'local',
          initiatorSpi: spis.initiator,
          responderSpi: spis.responder,
          isOpen: true,
          virtualAddresses,
          peerAddresses,
        });
        return;
      }
      case 'session-rekeyed':
      case 'session-reauthenticated': {
        const session = this.#sessions.get(event.sessionId);
        if (!session) return;
        const { initiator: initiatorSpi, responder: responderSpi } = event.spis;
        const initiator = event.by === 'local';
        this.#forgetUnnamed(initiatorSpi, responderSpi);
        this.#sessions.set(event.sessionId, { ...session, initiator, initiatorSpi, responderSpi });
        return;
      }
      case 'reauthentication-failed': {
        // The IKE SA that had taken over did not hold: the one before is in use again.
        const session = this.#sessions.get(event.sessionId);
        if (!session) return;
        const { initiator: initiatorSpi, responder: responderSpi } = event.spis;
        this.#sessions.set(event.sessionId, { ...session, initiatorSpi, responderSpi });
        return;
      }
      case 'session-interrupted':
        this.#sessions.delete(event.sessionId);
        return;
      case 'session-closed':
        this.#sessions.delete(event.sessionId);
        this.#ended.push({ sessionId: event.sessionId, failure: event.failure });
        if (this.#ended.length > MAX_ENDED) this.#ended = this.#ended.slice(-MAX_ENDED / 2);
        return;
      default:
        return;
    }
  }

  /** The IKE SA of a reauthentication has an id of its own until it is known to be one. */
  #forgetUnnamed(initiatorSpi: bigint, responderSpi: bigint): void {
    for (const session of this.#sessions.values()) {
      if (session.isOpen) continue;
      if (session.initiatorSpi !== initiatorSpi || session.responderSpi !== responderSpi) continue;
      this.#sessions.delete(session.sessionId);
    }
  }
}
