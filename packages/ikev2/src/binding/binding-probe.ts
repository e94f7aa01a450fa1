import { endpointsEqual, type Path } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { BindingFact } from './session-binding.ts';

/** Whether a packet came or goes over the scratch port: it keeps no mapping of the session, and shows none. */
export function isOverProbe({ binding }: IkeSession, { local }: Path): boolean {
  const path = binding?.probe?.path;
  return path !== undefined && endpointsEqual(path.local, local);
}

/** A request leaves. One of a probe that goes elsewhere, too, is answered with what the first copy to arrive has shown. */
export function noteProbePath(session: IkeSession, messageId: number, path: Path): void {
  const { running, binding } = session;
  if (running?.procedure.kind !== 'probe-binding' || running.messageId !== messageId) return;
  if (binding?.probe && !isOverProbe(session, path)) binding.probe.isElsewhere = true;
}

/** What has come of a probe; the search hears of it at the end of the input. */
export function noteProbe(
  context: EndpointContext,
  session: IkeSession,
  fact: Extract<BindingFact, { readonly kind: 'probe-opened' | 'probe-result' }>,
): void {
  session.binding?.facts.push(fact);
  context.bindingReviews.add(session);
}

/** Gives the scratch port back, and forgets the request that waits for it. */
export function closeProbe(context: EndpointContext, session: IkeSession): void {
  const { binding, queue } = session;
  const path = binding?.probe?.path;
  if (binding) binding.probe = undefined;
  if (path) context.outputs.push({ kind: 'close-scratch-port', local: path.local });
  const at = queue.findIndex(({ kind }) => kind === 'probe-binding');
  if (at >= 0) queue.splice(at, 1);
}
