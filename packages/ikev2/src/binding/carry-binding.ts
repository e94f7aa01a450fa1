import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { closeProbe } from './binding-probe.ts';

/** The search of an IKE SA goes on in the one that takes its place. */
export function carryBinding(context: EndpointContext, from: IkeSession, to: IkeSession): void {
  if (!from.binding || to.binding) return;
  // A probe compares hashes of one IKE SA.
  closeProbe(context, from);
  to.binding = from.binding;
  from.binding = undefined;
  armBinding(context, from);
  armBinding(context, to);
}

/** Arms the next deadline of the search, or disarms it where there is none. */
export function armBinding(context: EndpointContext, session: IkeSession): void {
  const next = session.binding?.discovery.nextDeadline();
  if (!next) {
    context.deadlines.clear(session.id, 'binding');
    return;
  }
  const { at, toleranceMs, wake, name } = next;
  setTimer(context, session, 'binding', at, { label: name, toleranceMs, wake });
}
