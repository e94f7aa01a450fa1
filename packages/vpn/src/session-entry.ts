import { type Instant, msBetween } from '@ipsec-kit/clock';
import type { PathStatus, SessionLifetimes } from '@ipsec-kit/ikev2';
import type { SaPairCounters } from '@ipsec-kit/ipsec';
import type { VpnEvent } from './events.ts';
import { sessionPathStatus } from './session-path-status.ts';
import type { ChildStatus, SessionStatus } from './status.ts';

/** An IKE SA that has keys. */
export type KeyedEvent = Extract<VpnEvent, { kind: 'ike-sa-keyed' }>;
type Opened = Extract<VpnEvent, { kind: 'session-opened' }>;
type Child = Extract<VpnEvent, { kind: 'child-opened' }>;

/** What the events of a session have told. */
export interface SessionEntry {
  /** The IKE SA in use, and others that were keyed: what it had before, or what has not taken its place yet. */
  keyed: KeyedEvent;
  others: KeyedEvent[];
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

/** Shows an entry as it is `now`. */
export function sessionStatus(
  id: number,
  entry: SessionEntry,
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
