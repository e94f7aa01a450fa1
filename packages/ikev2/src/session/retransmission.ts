import type { OutstandingRequest } from '@ipsec-kit/retransmit';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { CLOSED_BY_USER } from '../errors/endings.ts';
import { peerDead, peerUnreachable } from '../errors/failures.ts';
import { restartInitiation } from '../exchanges/initiate.ts';
import { testPaths } from '../mobike/path-test.ts';
import { repeatProbe } from '../procedures/probe-binding.ts';
import { dropUnansweredTry } from '../reauth/second-try.ts';
import { endSession } from './close-session.ts';
import type { IkeSession } from './ike-session.ts';
import { repeatRequest } from './repeat-request.ts';
import { armRetransmission } from './send-message.ts';

/** No response yet: sends the same bytes again, over the path of now, or gives the peer up. @see RFC 7296 §2.1, §2.4 */
export function onRetransmitTimer(context: EndpointContext, session: IkeSession): void {
  const action = session.requests.onTimeout(context.now);
  switch (action.kind) {
    case 'nothing':
      break;
    case 'retransmit': {
      if (repeatProbe(context, session, action.request)) break;
      const test = testPaths(context, session, action.request);
      if (test === 'over') {
        giveUp(context, session, action.request);
        return;
      }
      if (test === 'by-policy') repeatRequest(context, session, action.request);
      break;
    }
    case 'give-up':
      giveUp(context, session, action.request);
      return;
    default:
      unreachable(action);
  }
  armRetransmission(context, session);
}

function giveUp(context: EndpointContext, session: IkeSession, request: OutstandingRequest): void {
  const { state, path } = session;
  const failure = peerUnreachable(path, request.name, request.transmissions);
  switch (state.kind) {
    case 'awaiting-init-response':
    case 'awaiting-intermediate-response':
    case 'awaiting-auth-response':
      if (state.kind === 'awaiting-init-response' && state.refusal) {
        endSession(context, session, state.refusal);
      } else if (session.isClosing) {
        endSession(context, session, CLOSED_BY_USER);
      } else if (!restartInitiation(context, session, failure)) {
        endSession(context, session, failure);
      }
      return;
    case 'ending':
      // Asked to go and not answered: it is gone here, which is what was wanted.
      endSession(context, session, state.failure);
      return;
    default:
      dropUnansweredTry(context, session);
      // RFC 7296 §2.4: a peer that does not answer a request is dead, and so are all its SAs.
      endSession(context, session, peerDead(path, request.name, request.transmissions));
  }
}

function unreachable(action: never): never {
  throw new Error(`unhandled action ${JSON.stringify(action)}`);
}
