import { type Clock, type Instant, msBetween } from '@ipsec-kit/clock';
import type { PathStatus, SessionEvent } from '@ipsec-kit/ikev2';
import {
  addressesEqual,
  formatAddress,
  formatEndpoint,
  hasAddress,
  type IpAddress,
  type Path,
  parseAddress,
  pathsEqual,
} from '@ipsec-kit/ip';
import type { StandingSession } from './session-book.ts';
import type { Expectation, Outcome } from './session-outcomes.ts';
import type { SessionRequest } from './session-request.ts';
import type { SessionStep } from './session-step.ts';
import { VpnError } from './vpn-error.ts';

/** What a move has to know of the world. */
export interface MoveFacts {
  path(sessionId: number): PathStatus | undefined;
  readonly clock: Pick<Clock, 'now'>;
}

/** The steps that move sessions, each to its best path or to the best from one address of this host.
 * @throws VpnError `config` when `child` or something that is no address was given.
 */
export function moveSteps(
  { child, local }: SessionRequest,
  sessions: readonly StandingSession[],
  facts: MoveFacts,
): readonly SessionStep[] {
  if (child !== undefined) {
    throw new VpnError(
      'config',
      'A move is of the IKE SA with all its children: leave out --child.',
    );
  }
  const wanted = local === undefined ? undefined : parseAddress(local);
  if (local !== undefined && !wanted) {
    throw new VpnError('config', `"${local}" is no IP address: give --local one of this host.`);
  }
  return sessions.map((session) => stepOf(session, wanted, facts));
}

function stepOf(
  session: StandingSession,
  wanted: IpAddress | undefined,
  facts: MoveFacts,
): SessionStep {
  const { id: sessionId, initiator } = session;
  const subject = `IKE SA with ${session.remoteIdentity}`;
  const status = facts.path(sessionId);
  const from = status?.path;
  const obstacle = status ? obstacleTo(status, wanted, initiator) : failed('it ended');
  if (obstacle || !from) {
    return { subject, expectation: () => undefined, command: obstacle ?? failed('it ended') };
  }
  const move: Move = { sessionId, from, wanted, begunAt: facts.clock.now() };
  return {
    subject,
    expectation: initiator ? expectUpdate(move, facts) : expectPeerToFollow(move, facts),
    command: { kind: 'move', sessionId, ...(wanted ? { to: wanted } : {}) },
  };
}

/** What is known before anything is sent. */
function obstacleTo(
  { hasMobike, localAddresses, path }: PathStatus,
  wanted: IpAddress | undefined,
  initiator: boolean,
): Outcome | undefined {
  if (!hasMobike) {
    return failed(
      'it cannot be moved, because MOBIKE was not negotiated with this peer: `ipsec-kit reauth` opens a new IKE SA from where this host is',
    );
  }
  const usable = localAddresses.map(formatAddress).join(', ');
  if (wanted && !hasAddress(localAddresses, wanted)) {
    return failed(
      `it cannot go to ${formatAddress(wanted)}, which is no address that it may use; those are: ${usable}`,
    );
  }
  // The initiator decides about paths: without another address of its own a responder has nothing to ask it for.
  const { address } = path.local;
  const best = wanted ?? localAddresses.find(({ version }) => version === address.version);
  if (initiator || (best && !addressesEqual(best, address))) return undefined;
  return { ok: true, text: `is at its best address already, ${ends(path)}` };
}

interface Move {
  readonly sessionId: number;
  readonly from: Path;
  readonly wanted: IpAddress | undefined;
  readonly begunAt: Instant;
}

/** The peer answers an UPDATE_SA_ADDRESSES with its COOKIE2. @see RFC 4555 §3.5, §3.7 */
function expectUpdate(move: Move, facts: MoveFacts): Expectation {
  return (event) => {
    if (!isOf(move, event)) return undefined;
    if (event.kind !== 'addresses-updated') return endOf(event);
    return outcomeAt(move, event.to, facts);
  };
}

/** The peer is asked to follow, and does with an UPDATE_SA_ADDRESSES of its own. @see RFC 4555 §3.6 */
function expectPeerToFollow(move: Move, facts: MoveFacts): Expectation {
  return (event) => {
    if (!isOf(move, event)) return undefined;
    if (event.kind !== 'peer-path-changed') return endOf(event);
    return outcomeAt(move, event.to, facts);
  };
}

function outcomeAt({ from, wanted, begunAt }: Move, to: Path, { clock }: MoveFacts): Outcome {
  const took = `${msBetween(begunAt, clock.now()).toFixed(1)} ms`;
  if (wanted && !addressesEqual(to.local.address, wanted)) {
    return failed(
      `not moved to ${formatAddress(wanted)}, from where the peer was not reached or did not want it: it is at ${ends(to)}`,
    );
  }
  if (pathsEqual(from, to)) {
    return {
      ok: true,
      text: `stays at ${ends(to)}, the best path, where the peer answered in ${took}`,
    };
  }
  return { ok: true, text: `moved from ${ends(from)} to ${ends(to)} in ${took}` };
}

function endOf(event: SessionEvent): Outcome | undefined {
  switch (event.kind) {
    case 'session-closed':
    case 'session-interrupted':
      return failed(`it was lost: ${event.failure.sentence}`);
    case 'path-lost':
      return failed('no path to the peer is left to try');
    default:
      return undefined;
  }
}

function isOf({ sessionId }: Move, event: SessionEvent): boolean {
  return 'sessionId' in event && event.sessionId === sessionId;
}

/** Both ends of a path, ours first. */
function ends({ local, remote }: Path): string {
  return `${formatEndpoint(local)} (peer ${formatEndpoint(remote)})`;
}

function failed(text: string): Outcome {
  return { ok: false, text };
}
