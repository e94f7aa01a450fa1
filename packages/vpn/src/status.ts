import { type Clock, type Instant, msBetween } from '@ipsec-kit/clock';
import type { SessionEvent } from '@ipsec-kit/ikev2';
import type { EngineCounters, SaPairCounters } from '@ipsec-kit/ipsec';
import { publicEvent, type VpnEvent } from './events.ts';

/** A Child SA that carries traffic now. */
export interface ChildStatus {
  readonly id: number;
  readonly name: string;
  readonly inboundSpi: string;
  readonly outboundSpi: string;
  readonly suite: string;
  readonly localSelectors: readonly string[];
  readonly remoteSelectors: readonly string[];
  readonly openSeconds: number;
  readonly inPackets: number;
  readonly inBytes: number;
  readonly outPackets: number;
  readonly outBytes: number;
  readonly replayedPackets: number;
}

/** An IKE session with one peer. */
export interface SessionStatus {
  readonly id: number;
  readonly connection: string | undefined;
  readonly state: 'connecting' | 'open';
  readonly initiator: boolean;
  readonly suite: string;
  readonly initiatorSpi: string;
  readonly responderSpi: string;
  readonly nat: { readonly local: boolean; readonly remote: boolean; readonly forced: boolean };
  readonly local: string | undefined;
  readonly remote: string | undefined;
  readonly localIdentity: string | undefined;
  readonly remoteIdentity: string | undefined;
  /** Virtual addresses that the peer gave us. */
  readonly virtualAddresses: readonly string[];
  /** Virtual addresses that we gave to the peer. */
  readonly peerAddresses: readonly string[];
  readonly openSeconds: number;
  readonly lastRoundTripMs: number | undefined;
  readonly children: readonly ChildStatus[];
}

/** Everything that `ipsec-kit status` shows; plain JSON without a secret. */
export interface VpnStatus {
  readonly role: 'client' | 'server';
  readonly state: 'connecting' | 'open' | 'serving' | 'closing' | 'closed';
  readonly connections: readonly string[];
  readonly pid: number;
  readonly upSeconds: number;
  readonly endpoints: readonly string[];
  readonly tun: string | undefined;
  readonly sessions: readonly SessionStatus[];
  /** Absent while nothing is open. */
  readonly counters?: EngineCounters;
  /** What came over the sockets and was not for the packet engine; absent while nothing is open. */
  readonly datagrams?: DatagramCounters;
}

/** Datagrams by what became of them. */
export interface DatagramCounters {
  readonly ikeReceived: number;
  readonly ikeSent: number;
  /** IKE messages that were dropped or answered with an error in the clear. */
  readonly ikeRejected: number;
  readonly keepalivesReceived: number;
  readonly keepalivesSent: number;
  /** Too short to be IKE, ESP or a keepalive. */
  readonly malformed: number;
  /** Dropped before anybody looked: too large, or no room. */
  readonly receiveDrops: number;
  readonly sendDrops: number;
}

type Keyed = Extract<VpnEvent, { kind: 'ike-sa-keyed' }>;
type Opened = Extract<VpnEvent, { kind: 'session-opened' }>;
type Child = Extract<VpnEvent, { kind: 'child-opened' }>;
type Rekeyed = Extract<VpnEvent, { kind: 'child-rekeyed' }>;
type InUse = Extract<
  VpnEvent,
  { kind: 'session-rekeyed' | 'session-reauthenticated' | 'reauthentication-failed' }
>;

/** Most IKE SAs of a session that are remembered beside the one in use: those that it had, and those that it may get. */
const MAX_OTHERS = 8;

interface Entry {
  /** The IKE SA in use, and others that were keyed: what it had before, or what has not taken its place yet. */
  keyed: Keyed;
  others: Keyed[];
  opened?: Opened;
  remote?: string;
  roundTripMs?: number;
  since: Instant;
  readonly children: Map<number, { readonly event: Child; readonly since: Instant }>;
}

/** Follows the events of the IKE machine and knows from them which sessions and children stand. */
export interface SessionBook {
  note(event: SessionEvent): void;
  sessions(pairCounters: (childId: number) => SaPairCounters | undefined): readonly SessionStatus[];
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
        // One that opens anew has the IKE SA that was keyed last.
        if (entry.opened) entry.keyed = entry.others.pop() ?? entry.keyed;
        entry.opened = shown;
        entry.remote = shown.remote;
        entry.since = clock.now();
        break;
      case 'child-opened':
        entry.children.set(shown.childId, { event: shown, since: clock.now() });
        break;
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
    const since = entry.children.get(oldChildId)?.since ?? clock.now();
    entry.children.delete(oldChildId);
    entry.children.set(newChildId, {
      event: { kind: 'child-opened', childId: newChildId, ...facts },
      since,
    });
  }

  function newEntry(keyed: Keyed): Entry {
    return { keyed, others: [], since: clock.now(), children: new Map() };
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

  const secondsSince = (at: Instant): number =>
    Math.floor(Math.max(0, msBetween(at, clock.now())) / 1000);

  return {
    note,
    sessions: (pairCounters) =>
      [...entries].map(([id, entry]) => sessionStatus(id, entry, secondsSince, pairCounters)),
    get ids() {
      return [...entries.keys()];
    },
    get openCount() {
      return [...entries.values()].filter((entry) => entry.opened).length;
    },
  };
}

function sessionStatus(
  id: number,
  entry: Entry,
  secondsSince: (at: Instant) => number,
  pairCounters: (childId: number) => SaPairCounters | undefined,
): SessionStatus {
  const { keyed, opened } = entry;
  return {
    id,
    connection: opened?.connection ?? keyed.connection,
    state: opened ? 'open' : 'connecting',
    initiator: keyed.initiator,
    suite: keyed.suite,
    initiatorSpi: keyed.initiatorSpi,
    responderSpi: keyed.responderSpi,
    nat: keyed.nat,
    local: opened?.local,
    remote: entry.remote,
    localIdentity: opened?.localIdentity,
    remoteIdentity: opened?.remoteIdentity,
    virtualAddresses: opened?.virtualAddresses ?? [],
    peerAddresses: opened?.peerAddresses ?? [],
    openSeconds: secondsSince(entry.since),
    lastRoundTripMs: entry.roundTripMs,
    children: [...entry.children.values()].map(({ event, since }) => ({
      id: event.childId,
      name: event.name,
      inboundSpi: event.inboundSpi,
      outboundSpi: event.outboundSpi,
      suite: event.suite,
      localSelectors: event.localSelectors,
      remoteSelectors: event.remoteSelectors,
      openSeconds: secondsSince(since),
      ...(pairCounters(event.childId) ?? noTraffic),
    })),
  };
}

const noTraffic: SaPairCounters = {
  inPackets: 0,
  inBytes: 0,
  outPackets: 0,
  outBytes: 0,
  replayedPackets: 0,
};

/** The status of what is not open yet, or closed again. */
export function idleStatus(facts: Pick<VpnStatus, 'role' | 'state' | 'connections'>): VpnStatus {
  return {
    ...facts,
    pid: process.pid,
    upSeconds: 0,
    endpoints: [],
    tun: undefined,
    sessions: [],
  };
}
