import { addMs, msBetween } from '@ipsec-kit/clock';
import { inheritRetired } from '../child/retire-child.ts';
import { type EndpointContext, newIkeSpi, raise, setTimer } from '../endpoint/endpoint-context.ts';
import { ADDRESS_GONE } from '../errors/endings.ts';
import type { SessionFailure } from '../events.ts';
import { verifiedPath } from '../mobike/verified-address.ts';
import { exchangeIds, nextIdBehind } from '../reauth/session-name.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { openSession } from '../session/new-session.ts';
import { furtherChildren } from './further-children.ts';

/** First pause before a session that could not be opened anew is tried again; it doubles with each try, up to the longest. */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 300_000;
/** A session that stood for this long counts as one that was opened with success. */
const STEADY_MS = 60_000;

/** A session has lost its IKE SA and is opened anew under its name: at once, and after a growing pause when that fails,
 * until it stands or its user closes it. It asks for the virtual addresses that it had.
 */
export function openAnew(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  // One that is lost as soon as it stands is no success; one that we delete ourselves to make it anew is not lost,
  // unless our addresses flap.
  const wasSteady =
    !session.isReopened &&
    ((failure.code === 'reauthenticating' && failure !== ADDRESS_GONE) ||
      msBetween(session.establishedAt, context.now) >= STEADY_MS);
  const reopenings = wasSteady ? 0 : session.reopenings;
  const retryInMs =
    reopenings === 0
      ? 0
      : Math.min(FIRST_PAUSE_MS * 2 ** Math.min(reopenings - 1, 16), LONGEST_PAUSE_MS);
  const fresh = standIn(context, session, retryInMs);
  if (!fresh) return;
  fresh.reopenings = reopenings + 1;
  raise(context, {
    kind: 'session-interrupted',
    sessionId: fresh.id,
    by: 'local',
    failure,
    retryInMs,
  });
}

/** The peer has deleted the IKE SA and may open another: what it opens goes on under the name of the session, which ends when
 * nothing has come in time.
 */
export function awaitPeer(
  context: EndpointContext,
  session: IkeSession,
  failure: SessionFailure,
): void {
  const retryInMs = session.connection?.peerReopensMs ?? 0;
  const fresh = standIn(context, session, retryInMs);
  if (!fresh) return;
  fresh.awaitsPeer = failure;
  raise(context, {
    kind: 'session-interrupted',
    sessionId: fresh.id,
    by: 'peer',
    failure,
    retryInMs,
  });
}

/** A session that has the name of one that is lost, and knows what that had. */
function standIn(
  context: EndpointContext,
  session: IkeSession,
  waitMs: number,
): IkeSession | undefined {
  const { connection, marker } = session;
  if (!connection) return undefined;
  const names = furtherChildren(session, undefined);
  // An attempt that failed had asked for the first of them already.
  const first = session.isReopened ? session.childName : names[0];
  const wanted = session.isReopened ? session.wantedAddresses : session.virtualAddresses;
  const fresh = openSession(context, {
    id: nextIdBehind(context),
    role: 'initiator',
    state: { kind: 'awaiting-restart' },
    localSpi: newIkeSpi(context),
    path: verifiedPath(context, session, session.path),
    marker,
    connection,
    childName: first ?? session.childName,
    ...(wanted.length > 0 ? { wantedAddresses: wanted } : {}),
  });
  exchangeIds(context, fresh, session);
  fresh.isReopened = true;
  fresh.furtherChildren = session.isReopened ? names : names.slice(1);
  session.takenOverBy = fresh;
  inheritRetired(context, session, fresh);
  setTimer(context, fresh, 'restart', addMs(context.now, waitMs), {
    label: 'opening the session anew',
  });
  return fresh;
}
