import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { onSecret } from '../exchanges/ike-auth-responder.ts';
import { runNext } from '../procedures/run-procedures.ts';
import { startReauthentication } from './start-reauth.ts';
import { mayBegin } from './turns.ts';

/** Goes on with the reauthentications that waited for the end of another: first those that the peer has asked for. Called
 * after each input, since any may bring that end; almost always there is nothing that waits.
 */
export function resumeWaiting(context: EndpointContext): void {
  for (const [session, answer] of [...context.waitingAuths]) {
    context.waitingAuths.delete(session);
    if (session.state.kind !== 'finding-secret') continue;
    onSecret(context, session, session.state, answer);
    runNext(context, session);
  }
  for (const session of [...context.waitingReauths]) {
    const { isReauthDue, state } = session;
    if (isReauthDue && state.kind === 'established' && !mayBegin(session)) continue;
    context.waitingReauths.delete(session);
    session.isReauthDue = false;
    if (isReauthDue) startReauthentication(context, session);
  }
}
