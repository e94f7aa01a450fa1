import { addMs } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Arms the next NAT keepalive, or none where none is needed. @see RFC 3948 §4 */
export function armKeepalive(context: EndpointContext, session: IkeSession): void {
  const next = session.keepalive?.nextDeadline();
  if (!next) {
    context.deadlines.clear(session.id, 'keepalive');
    return;
  }
  const { at, toleranceMs, wake, name } = next;
  setTimer(context, session, 'keepalive', at, { label: name, toleranceMs, wake });
}

/** Nothing may have left for the interval: sends 0xFF, or asks with an exchange when the mapping may be gone already. */
export function onKeepaliveTimer(context: EndpointContext, session: IkeSession): void {
  const isRunning = session.running !== undefined || session.state.kind !== 'established';
  switch (session.keepalive?.onTimeout(context.now, isRunning)) {
    case 'keepalive':
      context.outputs.push({ kind: 'send-keepalive', path: session.path });
      break;
    case 'dpd':
      enqueue(context, session, { kind: 'liveness' });
      break;
    default:
      break;
  }
  armKeepalive(context, session);
}

/** Whether nothing has left for so long that the NAT mapping may be gone. */
export function isPathInDoubt(
  { now, settings }: EndpointContext,
  { keepalive }: IkeSession,
): boolean {
  const { keepaliveMs, keepaliveDpdMarginMs } = settings;
  if (!keepalive?.nextDeadline() || keepaliveDpdMarginMs <= 0) return false;
  return now > addMs(keepalive.lastOutbound, keepaliveMs + keepaliveDpdMarginMs);
}
