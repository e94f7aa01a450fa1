import { addMs } from '@ipsec-kit/clock';
import type { ChildSa } from '../child/child-sa.ts';
import type { LossAction } from '../config.ts';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { underWay } from '../procedures/under-way.ts';
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
  // Its life was over while we slept, and may have been at the peer, which leaves it to us to ask for another.
  if (child.isEndPutOff && isToStay(session, child)) return 'start';
  return session.connection?.closeAction ?? 'none';
}

/** Whether there is to be another when its life is over: by `closeAction`, or because it was to be replaced by the side that opened the
 * session.
 */
export function isToStay({ connection, role }: IkeSession, { config }: ChildSa): boolean {
  if (connection?.closeAction === 'start') return true;
  return role === 'initiator' && config.rekeyMs !== undefined && config.rekeyMs > 0;
}

/** Asks for it again, after a pause; once, however many of its name the peer has opened and deleted. */
export function reopenChild(context: EndpointContext, session: IkeSession, name: string): void {
  for (const waiting of underWay(session)) {
    if (waiting.kind !== 'create-child' || waiting.name !== name) continue;
    if (waiting.isOver && waiting.moves !== undefined) continue;
    // The peer had made it meanwhile.
    waiting.isOver = false;
    return;
  }
  const at = addMs(context.now, REOPEN_PAUSE_MS);
  const procedure = { kind: 'create-child', name, postponements: 0, mayBeMade: true } as const;
  session.postponed.push({ at, procedure });
  session.postponed.sort((a, b) => a.at - b.at);
  setTimer(context, session, 'postponed', session.postponed[0]?.at ?? at, {
    label: 'opening a Child SA anew',
  });
}
