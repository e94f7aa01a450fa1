import { addMs } from '@ipsec-kit/clock';
import type { ChildSa } from '../child/child-sa.ts';
import type { LossAction } from '../config.ts';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';

/** Pause before a Child SA that the peer deleted is asked for again: a peer that deletes each one must not be asked without end. */
const REOPEN_PAUSE_MS = 2_000;

/** What the connection wants with a Child SA that the peer deleted of itself; nothing with one that was replaced, that we are
 * deleting as well, or that its user does not know yet: what it was to replace is still there.
 */
export function lostChildAction(session: IkeSession, child: ChildSa): LossAction {
  if (child.replacedBy !== undefined || child.deleting !== undefined) return 'none';
  if (!child.isAnnounced || session.isClosing || isBehind(session)) return 'none';
  return session.connection?.closeAction ?? 'none';
}

/** Asks for it again, after a pause; once, however many of its name the peer has opened and deleted. */
export function reopenChild(context: EndpointContext, session: IkeSession, name: string): void {
  const { queue, postponed, running } = session;
  const waiting = [...queue, ...postponed.map(({ procedure }) => procedure)];
  if (running) waiting.push(running.procedure);
  if (waiting.some((entry) => entry.kind === 'create-child' && entry.name === name)) return;
  const at = addMs(context.now, REOPEN_PAUSE_MS);
  const procedure = { kind: 'create-child', name, postponements: 0 } as const;
  session.postponed.push({ at, procedure });
  session.postponed.sort((a, b) => a.at - b.at);
  setTimer(context, session, 'postponed', session.postponed[0]?.at ?? at, {
    label: 'opening a Child SA anew',
  });
}
