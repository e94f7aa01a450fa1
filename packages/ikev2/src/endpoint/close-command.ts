import type { Instant } from '@ipsec-kit/clock';
import { CLOSED_BY_USER } from '../errors/endings.ts';
import { closeFront } from '../reauth/close-front.ts';
import { endSession } from '../session/close-session.ts';
import { sayFarewell } from '../session/farewell.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { type EndpointContext, setTimer } from './endpoint-context.ts';

/** Ends a session at the wish of its user, with all its IKE SAs: the one of a reauthentication that is under way, and those
 * that it has replaced. `session-closed` comes when the last of them is gone.
 * @param giveUpAt - ends it then at the latest, whatever the peer answers.
 */
export function closeSession(
  context: EndpointContext,
  session: IkeSession,
  giveUpAt: Instant | undefined,
): void {
  const { successor } = session;
  session.isClosing = true;
  if (successor) closeIkeSa(context, successor, giveUpAt);
  // Before any of them ends: an end changes who stands behind whom.
  const replaced = replacedBy(session);
  for (const old of replaced) closeIkeSa(context, old, giveUpAt);
  closeIkeSa(context, session, giveUpAt);
}

/** All whose DELETE is still awaited: a peer may reauthenticate again before it has deleted the one before. */
function replacedBy({ predecessor }: IkeSession): readonly IkeSession[] {
  const found: IkeSession[] = [];
  for (let old = predecessor; old; old = old.predecessor) found.push(old);
  return found;
}

/** Ends one IKE SA as gracefully as its state allows: before IKE_AUTH there is nothing to delete; while IKE_AUTH runs the
 * DELETE must wait for it, since a window of 1 lets no other request out.
 */
function closeIkeSa(
  context: EndpointContext,
  session: IkeSession,
  giveUpAt: Instant | undefined,
): void {
  const { state } = session;
  switch (state.kind) {
    case 'awaiting-restart':
    case 'generating-key':
    case 'awaiting-init-response':
    case 'agreeing-key':
    case 'generating-additional-key':
    case 'awaiting-intermediate-response':
    case 'agreeing-additional-key':
    case 'making-own-proof':
    case 'generating-response-key':
    case 'agreeing-response-key':
    case 'awaiting-intermediate-request':
    case 'making-intermediate-response':
    case 'awaiting-auth-request':
    case 'proving-before-eap':
    case 'making-eap-request':
    case 'awaiting-eap-response':
      session.isClosing = true;
      endSession(context, session, CLOSED_BY_USER);
      return;
    case 'making-eap-response':
      session.isClosing = true;
      sayFarewell(context, session);
      endSession(context, session, CLOSED_BY_USER);
      return;
    case 'awaiting-auth-response':
    case 'checking-peer-proof':
    case 'installing-first-child':
    case 'checking-initiator-proof':
    case 'making-response-proof':
    case 'leasing-addresses':
    case 'installing-response-child':
      session.isClosing = true;
      break;
    case 'established':
      session.isClosing = true;
      if (session.parked) {
        // There is no way to tell the peer.
        endSession(context, session, CLOSED_BY_USER);
        return;
      }
      closeFront(context, session);
      break;
    case 'ending':
      session.isClosing = true;
      break;
    case 'lingering':
    case 'closed':
      return;
    default:
      unreachable(state);
  }
  if (giveUpAt !== undefined) {
    setTimer(context, session, 'give-up', giveUpAt, { label: 'give up closing' });
  }
}

function unreachable(value: never): never {
  throw new Error(`unhandled ${JSON.stringify(value)}`);
}
