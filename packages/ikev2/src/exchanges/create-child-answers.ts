import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-io.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { onChildAnswerKeyAgreed, onChildAnswerKeyGenerated } from './answer-child-request.ts';
import { finishChild } from './create-child-finish.ts';
import { onChildKeyAgreed, onChildKeyGenerated } from './create-child-initiator.ts';
import { onChildInstalled } from './create-child-installed.ts';
import type { Answering, Initiation, InitiationOf } from './create-child-state.ts';
import { onFollowUpKeyAgreed, onFollowUpKeyGenerated } from './follow-up-initiator.ts';
import { onFollowUpResponded } from './follow-up-responder.ts';
import { completeChild, onAnsweredChildInstalled } from './promised-child.ts';
import { finishIkeRekey, onIkeKeyAgreed, onIkeKeyGenerated } from './rekey-ike-initiator.ts';
import {
  completeIkeRekey,
  onIkeAnswerKeyAgreed,
  onIkeAnswerKeyGenerated,
} from './rekey-ike-responder.ts';

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
    case 'generating-follow-up-key':
      onFollowUpKeyGenerated(context, session, state, answer);
      return;
    case 'agreeing-follow-up-key':
      onOwnSeriesAgreed(context, session, state, answer);
      return;
    case 'awaiting-child-response':
    case 'awaiting-ike-response':
    case 'awaiting-follow-up-response':
      return;
    default:
      unreachable(state);
  }
}

/** Another shared secret of a series is there; the last one completes what the series is for. */
function onOwnSeriesAgreed(
  context: EndpointContext,
  session: IkeSession,
  state: InitiationOf<'agreeing-follow-up-key'>,
  answer: Answer,
): void {
  const complete = onFollowUpKeyAgreed(context, session, state, answer);
  if (!complete) return;
  const { accepted, secrets } = complete;
  const [first, ...further] = secrets;
  if (accepted.kind === 'child') finishChild(context, session, accepted, secrets);
  else if (first) finishIkeRekey(context, session, accepted, [first, ...further]);
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
    case 'responding-follow-up': {
      const complete = onFollowUpResponded(context, session, state, answer);
      if (complete?.series.promised.kind === 'child') completeChild(context, session, complete);
      else if (complete) completeIkeRekey(context, session, complete);
      return;
    }
    default:
      unreachable(state);
  }
}

function unreachable(state: never): never {
  throw new Error(`unhandled state ${JSON.stringify(state)}`);
}
