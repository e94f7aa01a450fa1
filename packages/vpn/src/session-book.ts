import type { Clock } from '@ipsec-kit/clock';
import type { PathStatus, SessionEvent, SessionLifetimes } from '@ipsec-kit/ikev2';
import type { SaPairCounters } from '@ipsec-kit/ipsec';
import type { VpnEvent } from './events.ts';
import { publicEvent } from './public-event.ts';
import { type KeyedEvent, type SessionEntry, sessionStatus } from './session-entry.ts';
import type { SessionStatus } from './status.ts';

type Rekeyed = Extract<VpnEvent, { kind: 'child-rekeyed' }>;
type InUse = Extract<
  VpnEvent,
  {
    kind:
      | 'session-opened'
      | 'session-rekeyed'
      | 'session-reauthenticated'
      | 'reauthentication-failed';
  }
>;

/** Most IKE SAs of a session that are remembered beside the one in use: those that it had, and those that it may get. */
const MAX_OTHERS = 8;

/** A session that stands, for whoever wants something of it. */
export interface StandingSession {
  readonly id: number;
  readonly connection: string;
  /** Whether this side opened it. */
  readonly initiator: boolean;
  readonly remoteIdentity: string;
  /** Where the peer is, as text. */
  readonly remote: string;
  readonly children: readonly { readonly id: number; readonly name: string }[];
}

/** Follows the events of the IKE machine and knows from them which sessions and children stand. */
export interface SessionBook {
  note(event: SessionEvent): void;
  sessions(
    pairCounters: (childId: number) => SaPairCounters | undefined,
    lifetimes?: (sessionId: number) => SessionLifetimes | undefined,
    path?: (sessionId: number) => PathStatus | undefined,
  ): readonly SessionStatus[];
  /** The sessions that are open now, the oldest first. */
  readonly standing: readonly StandingSession[];
  /** The connection of a session, once it is known. */
  connectionOf(sessionId: number): string | undefined;
  /** Identities of the sessions that exist now, half-open ones included once they have keys. */
  readonly ids: readonly number[];
  readonly openCount: number;
}

/** Makes an empty {@link SessionBook}; as large as the sessions that stand, no larger. */
export function createSessionBook(clock: Clock): SessionBook {
  const entries = new Map<number, SessionEntry>();

  function note(event: SessionEvent): void {
    const shown = publicEvent(event);
    if (shown.kind === 'ike-sa-keyed') {
      const known = entries.get(shown.sessionId);
      if (known?.opened) known.others = [...known.others, shown].slice(-MAX_OTHERS);
      else if (known) known.keyed = shown;
      else entries.set(shown.sessionId, newEntry(shown));
      return;
    }
    const entry = entryOf(shown);
    if (!entry) return;
    switch (shown.kind) {
      case 'message':
        if (shown.roundTripMs !== undefined) entry.roundTripMs = shown.roundTripMs;
        break;
      case 'session-opened':
        // One that opens anew has another IKE SA, and the peer may have begun it, or the first, while we were about to.
        moveTo(entry, shown);
        entry.opened = shown;
        entry.isInterrupted = false;
        entry.remote = shown.remote;
        entry.since = clock.now();
        break;
      case 'session-interrupted':
        entry.isInterrupted = true;
        break;
      case 'child-opened': {
        const now = clock.now();
        entry.children.set(shown.childId, { event: shown, since: now, keyedAt: now });
        break;
      }
      case 'child-closed':
        entry.children.delete(shown.childId);
        break;
      case 'child-rekeyed':
        replaceChild(entry, shown);
        break;
      case 'session-rekeyed':
      case 'session-reauthenticated':
      case 'reauthentication-failed':
        moveTo(entry, shown);
        break;
      case 'peer-path-changed':
        entry.remote = shown.to;
        entry.local = shown.localTo;
        break;
      case 'addresses-updated':
        entry.local = shown.to;
        entry.remote = shown.remoteTo;
        break;
      case 'session-closed':
        entries.delete(shown.sessionId);
        break;
      default:
        break;
    }
  }

  /** Where an opened one is not known by its id, its IKE SA is: the peer has begun what we were about to, under an id of its own, or
   * what looked like a reauthentication is a session beside the first.
   */
  function entryOf(shown: VpnEvent): SessionEntry | undefined {
    if (!('sessionId' in shown) || shown.sessionId === undefined) return undefined;
    const entry = entries.get(shown.sessionId);
    if (entry || shown.kind !== 'session-opened') return entry;
    const isIt = isOf(shown);
    for (const [id, other] of entries) {
      const keyed = (other.opened ? other.others : [other.keyed]).find(isIt);
      if (!keyed) continue;
      if (other.opened) other.others = other.others.filter((one) => one !== keyed);
      else entries.delete(id);
      const found = newEntry({ ...keyed, sessionId: shown.sessionId });
      entries.set(shown.sessionId, found);
      return found;
    }
    return undefined;
  }

  /** The same child with other keys: its age counts on. */
  function replaceChild(entry: SessionEntry, rekeyed: Rekeyed): void {
    const { kind: _, oldChildId, newChildId, by: __, ...facts } = rekeyed;
    const old = entry.children.get(oldChildId);
    const since = old?.since ?? clock.now();
    const configuredMode = old?.event.configuredMode ?? facts.mode;
    entry.children.delete(oldChildId);
    entry.children.set(newChildId, {
      event: { kind: 'child-opened', childId: newChildId, configuredMode, ...facts },
      since,
      keyedAt: clock.now(),
    });
  }

  function newEntry(keyed: KeyedEvent): SessionEntry {
    return { keyed, others: [], since: clock.now(), isInterrupted: false, children: new Map() };
  }

  /** The session goes on with another of its IKE SAs, or with the one before. As responder that of a reauthentication was
   * keyed under an id of its own, before anybody knew whose it is.
   */
  function moveTo(entry: SessionEntry, inUse: InUse): void {
    const isIt = isOf(inUse);
    for (const [id, other] of entries) {
      if (other === entry || other.opened || !isIt(other.keyed)) continue;
      entry.others.push(other.keyed);
      entries.delete(id);
    }
    const found = entry.others.find(isIt);
    if (!found) return;
    const rest = entry.others.filter((keyed) => keyed !== found);
    entry.others = [...rest, entry.keyed].slice(-MAX_OTHERS);
    entry.keyed = { ...found, sessionId: inUse.sessionId };
  }

  return {
    note,
    sessions: (pairCounters, lifetimes, path) =>
      [...entries].map(([id, entry]) =>
        sessionStatus(id, entry, clock.now(), pairCounters, lifetimes?.(id), path?.(id)),
      ),
    get standing() {
      return [...entries].flatMap(([id, entry]) => standingSession(id, entry) ?? []);
    },
    connectionOf(sessionId) {
      const entry = entries.get(sessionId);
      return entry?.opened?.connection ?? entry?.keyed.connection;
    },
    get ids() {
      return [...entries.keys()];
    },
    get openCount() {
      return [...entries.values()].filter((entry) => entry.opened).length;
    },
  };
}

/** Whether an IKE SA is that of an event. */
function isOf({ initiatorSpi, responderSpi }: InUse): (keyed: KeyedEvent) => boolean {
  return (keyed) => keyed.initiatorSpi === initiatorSpi && keyed.responderSpi === responderSpi;
}

function standingSession(id: number, entry: SessionEntry): StandingSession | undefined {
  const { keyed, opened, remote, isInterrupted } = entry;
  if (!opened || isInterrupted) return undefined;
  return {
    id,
    connection: opened.connection,
    initiator: keyed.initiator,
    remoteIdentity: opened.remoteIdentity,
    remote: remote ?? opened.remote,
    children: [...entry.children.values()].map(({ event }) => ({
      id: event.childId,
      name: event.name,
    })),
  };
}
