import { type Clock, type Instant, msBetween } from '@ipsec-kit/clock';
import type { PathStatus, SessionEvent, SessionLifetimes } from '@ipsec-kit/ikev2';
import type { SaPairCounters } from '@ipsec-kit/ipsec';
import type { VpnEvent } from './events.ts';
import { publicEvent } from './public-event.ts';
import { sessionPathStatus } from './session-path-status.ts';
import type { ChildStatus, SessionStatus } from './status.ts';

type Keyed = Extract<VpnEvent, { kind: 'ike-sa-keyed' }>;
type Opened = Extract<VpnEvent, { kind: 'session-opened' }>;
type Child = Extract<VpnEvent, { kind: 'child-opened' }>;
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

interface Entry {
  /** The IKE SA in use, and others that were keyed: what it had before, or what has not taken its place yet. */
  keyed: Keyed;
  others: Keyed[];
  opened?: Opened;
  local?: string;
  remote?: string;
  roundTripMs?: number;
  since: Instant;
  /** Lost, and to be opened anew. */
  isInterrupted: boolean;
  readonly children: Map<number, Standing>;
}

interface Standing {
  readonly event: Child;
  readonly since: Instant;
  /** Since when it has its keys. */
  readonly keyedAt: Instant;
}

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
  const entries = new Map<number, Entry>();

  function note(event: SessionEvent): void {
    const shown = publicEvent(event);
    if (shown.kind === 'ike-sa-keyed') {
      const known = entries.get(shown.sessionId);
      if (known?.opened) known.others = [...known.others, shown].slice(-MAX_OTHERS);
      else if (known) known.keyed = shown;
      else entries.set(shown.sessionId, newEntry(shown));
      return;
    }
    const entry =
      'sessionId' in shown && shown.sessionId !== undefined
        ? entries.get(shown.sessionId)
        : undefined;
    if (!entry) return;
    switch (shown.kind) {
      case 'message':
        if (shown.roundTripMs !== undefined) entry.roundTripMs = shown.roundTripMs;
        break;
      case 'session-opened':
        // One that opens anew has another IKE SA, which the peer may have begun.
        if (entry.opened) moveTo(entry, shown);
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

  /** The same child with other keys: its age counts on. */
  function replaceChild(entry: Entry, rekeyed: Rekeyed): void {
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

  function newEntry(keyed: Keyed): Entry {
    return { keyed, others: [], since: clock.now(), isInterrupted: false, children: new Map() };
  }

  /** The session goes on with another of its IKE SAs, or with the one before. As responder that of a reauthentication was
   * keyed under an id of its own, before anybody knew whose it is.
   */
  function moveTo(entry: Entry, inUse: InUse): void {
    const isIt = (keyed: Keyed): boolean =>
      keyed.initiatorSpi === inUse.initiatorSpi && keyed.responderSpi === inUse.responderSpi;
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

function standingSession(id: number, entry: Entry): StandingSession | undefined {
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

function sessionStatus(
  id: number,
  entry: Entry,
  now: Instant,
  pairCounters: (childId: number) => SaPairCounters | undefined,
  lifetimes: SessionLifetimes | undefined,
  path: PathStatus | undefined,
): SessionStatus {
  const { keyed, opened } = entry;
  return {
    id,
    connection: opened?.connection ?? keyed.connection,
    state: opened && !entry.isInterrupted ? 'open' : 'connecting',
    initiator: keyed.initiator,
    suite: keyed.suite,
    initiatorSpi: keyed.initiatorSpi,
    responderSpi: keyed.responderSpi,
    nat: keyed.nat,
    local: entry.local ?? opened?.local,
    remote: entry.remote,
    localIdentity: opened?.localIdentity,
    remoteIdentity: opened?.remoteIdentity,
    ...(opened?.eapIdentity === undefined ? {} : { eapIdentity: opened.eapIdentity }),
    virtualAddresses: opened?.virtualAddresses ?? [],
    peerAddresses: opened?.peerAddresses ?? [],
    openSeconds: secondsBetween(entry.since, now),
    rekeyInSeconds: secondsUntil(now, lifetimes?.rekeyAt),
    reauthenticationInSeconds: secondsUntil(now, lifetimes?.reauthenticateAt),
    endsInSeconds: secondsUntil(now, lifetimes?.endsAt),
    lastRoundTripMs: entry.roundTripMs,
    ...(path && opened ? { path: sessionPathStatus(now, path) } : {}),
    children: [...entry.children.values()].map((child) =>
      childStatus(child, now, pairCounters, lifetimes),
    ),
  };
}

function childStatus(
  { event, since, keyedAt }: Standing,
  now: Instant,
  pairCounters: (childId: number) => SaPairCounters | undefined,
  lifetimes: SessionLifetimes | undefined,
): ChildStatus {
  const { rekeyAt, endsAt } = lifetimes?.children.get(event.childId) ?? {};
  return {
    id: event.childId,
    name: event.name,
    inboundSpi: event.inboundSpi,
    outboundSpi: event.outboundSpi,
    suite: event.suite,
    localSelectors: event.localSelectors,
    remoteSelectors: event.remoteSelectors,
    mode: event.mode,
    openSeconds: secondsBetween(since, now),
    ageSeconds: secondsBetween(keyedAt, now),
    rekeyInSeconds: secondsUntil(now, rekeyAt),
    endsInSeconds: secondsUntil(now, endsAt),
    ...(pairCounters(event.childId) ?? noTraffic),
  };
}

function secondsBetween(from: Instant, to: Instant): number {
  return Math.floor(Math.max(0, msBetween(from, to)) / 1000);
}

function secondsUntil(now: Instant, at: Instant | undefined): number | undefined {
  return at === undefined ? undefined : Math.ceil(Math.max(0, msBetween(now, at)) / 1000);
}

const noTraffic: SaPairCounters = {
  inPackets: 0,
  inBytes: 0,
  outPackets: 0,
  outBytes: 0,
  replayedPackets: 0,
};
