import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import type { IkeSession } from '../session/ike-session.ts';
import {
  onAnsweredChildInstalled,
  onChildAnswerKeyAgreed,
  onChildAnswerKeyGenerated,
} from './answer-child-request.ts';
import { onChildKeyAgreed, onChildKeyGenerated } from './create-child-initiator.ts';
import { onChildInstalled } from './create-child-installed.ts';
import type { Answering, Initiation } from './create-child-state.ts';
import { onIkeKeyAgreed, onIkeKeyGenerated } from './rekey-ike-initiator.ts';
import { onIkeAnswerKeyAgreed, onIkeAnswerKeyGenerated } from './rekey-ike-responder.ts';

/** Work for a CREATE_CHILD_SA exchange of ours is done. */
export function onInitiationAnswer(
  context: EndpointContext,
  session: IkeSession,
  state: Initiation,
  answer: Answer,
): void {
  switch (state.kind) {
    case 'generating-child-key':
      onChildKeyGenerated(context, session, state, answer);
      return;
    case 'agreeing-child-key':
      onChildKeyAgreed(context, session, state, answer);
      return;
    case 'installing-child':
      onChildInstalled(context, session, state, answer);
      return;
    case 'generating-ike-key':
      onIkeKeyGenerated(context, session, state, answer);
      return;
    case 'agreeing-ike-key':
      onIkeKeyAgreed(context, session, state, answer);
      return;
    case 'awaiting-child-response':
    case 'awaiting-ike-response':
      return;
    default:
      unreachable(state);
  }
}

/** Work for the answer to a CREATE_CHILD_SA request of the peer is done. */
export function onAnsweringAnswer(
  context: EndpointContext,
  session: IkeSession,
  state: Answering,
  answer: Answer,
): void {
  switch (state.kind) {
    case 'generating-child-answer-key':
      onChildAnswerKeyGenerated(context, session, state, answer);
      return;
    case 'agreeing-child-answer-key':
      onChildAnswerKeyAgreed(context, session, state, answer);
      return;
    case 'installing-answered-child':
      onAnsweredChildInstalled(context, session, state, answer);
      return;
    case 'generating-ike-answer-key':
      onIkeAnswerKeyGenerated(context, session, state, answer);
      return;
    case 'agreeing-ike-answer-key':
      onIkeAnswerKeyAgreed(context, session, state, answer);
      return;
    default:
      unreachable(state);
  }
}

function unreachable(state: never): never {
  throw new Error(`unhandled state ${JSON.stringify(state)}`);
}
