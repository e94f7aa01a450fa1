import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { ONE_OF_TWO } from '../errors/endings.ts';
import { onResponseProof } from '../exchanges/admit-initiator.ts';
import { runNext } from '../procedures/run-procedures.ts';
import { endSession } from '../session/close-session.ts';
import { isFresh } from './put-off.ts';
import { startReauthentication } from './start-reauth.ts';
import { mayBegin } from './turns.ts';

/** Goes on with the reauthentications that waited for the end of another: first those that the peer has asked for. Called
 * after each input, since any may bring that end; almost always there is nothing that waits.
 */
export function resumeWaiting(context: EndpointContext): void {
  for (const [session, waiting] of [...context.waitingAuths]) {
    const { state } = session;
    if (state.kind === 'making-response-proof' && context.now <= waiting.until) {
      if (!isFresh(waiting, context.now)) continue;
      onResponseProof(context, session, state, waiting.answer);
      runNext(context, session);
    } else if (state.kind === 'making-response-proof') endSession(context, session, ONE_OF_TWO);
    // Unless it has been put off again.
    if (context.waitingAuths.get(session) === waiting) context.waitingAuths.delete(session);
  }
  for (const session of [...context.waitingReauths]) {
    const { isReauthDue, state } = session;
    if (isReauthDue && state.kind === 'established' && !mayBegin(context, session)) continue;
    context.waitingReauths.delete(session);
    session.isReauthDue = false;
    if (isReauthDue) startReauthentication(context, session);
  }
}
