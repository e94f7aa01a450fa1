import { addressesEqual } from '@ipsec-kit/ip';
import { StandbyKeepalives } from '@ipsec-kit/nat-t';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { sendKeepalive } from './send-keepalive.ts';

/** Shortest interval of keepalives to addresses that nobody uses yet. */
const LEAST_INTERVAL_MS = 1_000;

/** Sees to the NAT mappings towards the peer's other addresses, so that it can move to one of them and reach us there.
 * @see RFC 4555 §3.6
 */
export function armStandby(context: EndpointContext, session: IkeSession): void {
  const { mover, nat, path, addressUpdates } = session;
  const { keepaliveMs, keepAliveForced } = context.settings;
  const isWanted = addressUpdates && (nat.local || keepAliveForced);
  if (!mover || !isWanted || keepaliveMs < LEAST_INTERVAL_MS) {
    context.deadlines.clear(session.id, 'standby');
    return;
  }
  session.standby ??= new StandbyKeepalives({ intervalMs: keepaliveMs });
  const fromHere = mover.candidates.filter(
    ({ local, remote }) =>
      addressesEqual(local.address, path.local.address) &&
      !addressesEqual(remote.address, path.remote.address),
  );
  session.standby.setPaths(fromHere, path);
  const next = session.standby.nextDeadline(context.now);
  if (!next) {
    context.deadlines.clear(session.id, 'standby');
    return;
  }
  const { at, name, toleranceMs, wake } = next;
  setTimer(context, session, 'standby', at, { label: name, toleranceMs, wake });
}

/** Sends a 0xFF to each of them. */
export function onStandbyTimer(context: EndpointContext, session: IkeSession): void {
  for (const path of session.standby?.onTimeout(context.now) ?? []) {
    sendKeepalive(context, session, path);
  }
  armStandby(context, session);
}
