import { onScratchPort } from '../binding/discover-binding.ts';
import { activatePutOff, onFirstInbound } from '../child/activate-child.ts';
import type { Answer } from '../endpoint-work.ts';
import { onLease, onResponseProof } from '../exchanges/admit-initiator.ts';
import { onAnsweringAnswer, onInitiationAnswer } from '../exchanges/create-child-answers.ts';
import { onEapResponseMade } from '../exchanges/eap-initiator.ts';
import { onEapRequestMade, onProofBeforeEap } from '../exchanges/eap-responder.ts';
import { onFirstChildInstalled } from '../exchanges/first-child-initiator.ts';
import { onResponseChildInstalled } from '../exchanges/first-child-responder.ts';
import { onOwnProof, onPeerProof } from '../exchanges/ike-auth-initiator.ts';
import { onInitiatorProof } from '../exchanges/ike-auth-responder.ts';
import { onKeyAgreed } from '../exchanges/ike-sa-init-agreed.ts';
import { onKeyGenerated } from '../exchanges/ike-sa-init-initiator.ts';
import { onResponseKeyAgreed, onResponseKeyGenerated } from '../exchanges/ike-sa-init-responder.ts';
import {
  onAdditionalKeyAgreed,
  onAdditionalKeyGenerated,
} from '../exchanges/intermediate-initiator.ts';
import { onIntermediateResponded } from '../exchanges/intermediate-responder.ts';
import { releaseOwnResponse } from '../exchanges/own-response.ts';
import { runNext } from '../procedures/run-procedures.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { followMove } from '../session/move-path.ts';
import type { StateKind } from '../session/states.ts';
import type { EndpointContext } from './endpoint-context.ts';

/** Takes the answer to a request to the session that waits for it. An answer that comes too late, because its session has
 * ended, is dropped; a lease in it goes back to its pool, and a port is closed.
 */
export function deliverAnswer(context: EndpointContext, requestId: number, answer: Answer): void {
  const session = context.awaitedAnswers.get(requestId);
  const installation = context.installations.get(requestId);
  context.awaitedAnswers.delete(requestId);
  context.installations.delete(requestId);
  deliver(context, session, requestId, answer);
  // The packet path may have told of it before the answer was there.
  if (installation?.hasInbound) onFirstInbound(context, installation.childId);
  if (installation) followMove(context, installation);
  if (installation) activatePutOff(context, installation);
}

/** The work on a proof takes too long: goes on as if it had failed. @returns false when none is under way. */
export function failProof(context: EndpointContext, session: IkeSession): boolean {
  const { state } = session;
  const requestId = PROOFS.has(state.kind) && 'requestId' in state ? state.requestId : undefined;
  if (requestId === undefined || !context.awaitedAnswers.has(requestId)) return false;
  deliverAnswer(context, requestId, { kind: 'failed', reason: 'it takes too long' });
  return true;
}

const PROOFS: ReadonlySet<StateKind> = new Set([
  'making-own-proof',
  'checking-peer-proof',
  'making-eap-response',
  'checking-initiator-proof',
  'proving-before-eap',
  'making-eap-request',
  'making-response-proof',
]);

function deliver(
  context: EndpointContext,
  session: IkeSession | undefined,
  requestId: number,
  answer: Answer,
): void {
  if (session && 'requestId' in session.state && session.state.requestId === requestId) {
    dispatch(context, session, answer);
    runNext(context, session);
  } else if (session && deliverToExchange(context, session, requestId, answer)) {
    runNext(context, session);
  } else if (session && onScratchPort(context, session, requestId, answer)) {
    return;
  } else if (answer.kind === 'open-scratch-port' && answer.local) {
    context.outputs.push({ kind: 'close-scratch-port', local: answer.local });
  } else if (answer.kind === 'lease' && answer.lease) {
    context.outputs.push({ kind: 'release-lease', lease: answer.lease });
  }
}

/** Takes an answer to the CREATE_CHILD_SA exchange that waits for it. @returns false when none does. */
function deliverToExchange(
  context: EndpointContext,
  session: IkeSession,
  requestId: number,
  answer: Answer,
): boolean {
  const { initiation, answering } = session;
  if (initiation && 'requestId' in initiation && initiation.requestId === requestId) {
    onInitiationAnswer(context, session, initiation, answer);
    return true;
  }
  if (answering?.requestId !== requestId) return false;
  onAnsweringAnswer(context, session, answering, answer);
  releaseOwnResponse(context, session);
  return true;
}

function dispatch(context: EndpointContext, session: IkeSession, answer: Answer): void {
  const { state } = session;
  switch (state.kind) {
    case 'generating-key':
      onKeyGenerated(context, session, state, answer);
      return;
    case 'agreeing-key':
      onKeyAgreed(context, session, state, answer);
      return;
    case 'generating-additional-key':
      onAdditionalKeyGenerated(context, session, state, answer);
      return;
    case 'agreeing-additional-key':
      onAdditionalKeyAgreed(context, session, state, answer);
      return;
    case 'making-intermediate-response':
      onIntermediateResponded(context, session, state, answer);
      return;
    case 'making-own-proof':
      onOwnProof(context, session, state, answer);
      return;
    case 'checking-peer-proof':
      onPeerProof(context, session, state, answer);
      return;
    case 'making-eap-response':
      onEapResponseMade(context, session, state, answer);
      return;
    case 'installing-first-child':
      onFirstChildInstalled(context, session, state, answer);
      return;
    case 'generating-response-key':
      onResponseKeyGenerated(context, session, state, answer);
      return;
    case 'agreeing-response-key':
      onResponseKeyAgreed(context, session, state, answer);
      return;
    case 'checking-initiator-proof':
      onInitiatorProof(context, session, state, answer);
      return;
    case 'proving-before-eap':
      onProofBeforeEap(context, session, state, answer);
      return;
    case 'making-eap-request':
      onEapRequestMade(context, session, state, answer);
      return;
    case 'making-response-proof':
      onResponseProof(context, session, state, answer);
      return;
    case 'leasing-addresses':
      onLease(context, session, state, answer);
      return;
    case 'installing-response-child':
      onResponseChildInstalled(context, session, state, answer);
      return;
    case 'awaiting-restart':
    case 'awaiting-init-response':
    case 'awaiting-intermediate-response':
    case 'awaiting-intermediate-request':
    case 'awaiting-auth-response':
    case 'awaiting-auth-request':
    case 'awaiting-eap-response':
    case 'established':
    case 'ending':
    case 'lingering':
    case 'closed':
      return;
    default:
      unreachable(state);
  }
}

function unreachable(state: never): never {
  throw new Error(`unhandled state ${JSON.stringify(state)}`);
}
