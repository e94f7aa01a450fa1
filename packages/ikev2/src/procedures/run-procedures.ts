import { msBetween } from '@ipsec-kit/clock';
import { ExchangeType, type Payload } from '@ipsec-kit/ikev2-codec';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { sendRequest } from '../session/send-message.ts';
import { deleteChildRequest, onChildDeleted } from './delete-child.ts';
import { beginEnding, deleteIkeRequest, onIkeDeleted, reportRequest } from './end-ike-sa.ts';
import { livenessRequest, onAlive } from './liveness.ts';
import { onPathAnswered, pathCheckRequest } from './path-check.ts';
import type { Procedure } from './procedure.ts';

/** Most procedures that may wait; further ones are refused, as the peer then does not answer anyway. */
const MAX_QUEUE = 64;

/** Puts a procedure into the queue and starts it when nothing else is out.
 * @returns false when the queue is full or the same work waits already.
 */
export function enqueue(
  context: EndpointContext,
  session: IkeSession,
  procedure: Procedure,
  place: 'last' | 'first' = 'last',
): boolean {
  const { queue } = session;
  // RFC 7296 §2.4: any exchange shows that the peer is alive.
  if (procedure.kind === 'liveness' && (session.running || queue.length > 0)) return false;
  if (queue.length >= MAX_QUEUE && place === 'last') return false;
  if (place === 'first') queue.unshift(procedure);
  else queue.push(procedure);
  runNext(context, session);
  return true;
}

/** Starts the next procedure, if the window is free. Those that have nothing to do any more are passed over. */
export function runNext(context: EndpointContext, session: IkeSession): void {
  const { sa } = session;
  while (sa && !session.running) {
    const permission = sa.requests.permission();
    if (!permission.ok) return;
    const procedure = session.queue.shift();
    if (!procedure) return;
    const payloads = buildRequest(context, session, sa, procedure);
    if (!payloads) continue;
    session.running = {
      procedure,
      messageId: permission.messageId,
      startedAt: context.now,
    };
    if (procedure.kind === 'delete-ike' || procedure.kind === 'report-auth-failure') {
      beginEnding(context, session, procedure.failure);
    }
    sendRequest(context, session, sa, ExchangeType.INFORMATIONAL, payloads);
  }
}

/** The response to the procedure that is out. */
export function onProcedureResponse(
  context: EndpointContext,
  session: IkeSession,
  messageId: number,
  payloads: readonly Payload[],
): void {
  const { running } = session;
  if (running?.messageId !== messageId) return;
  session.running = undefined;
  finish(context, session, running.procedure, payloads, msBetween(running.startedAt, context.now));
  runNext(context, session);
}

/** The payloads of a procedure's request; `undefined` when it has become pointless. */
function buildRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  procedure: Procedure,
): readonly Payload[] | undefined {
  switch (procedure.kind) {
    case 'liveness':
      return livenessRequest(context, session, sa);
    case 'delete-child':
      return deleteChildRequest(session, procedure);
    case 'path-check':
      return pathCheckRequest(session, procedure);
    case 'delete-ike':
      return deleteIkeRequest();
    case 'report-auth-failure':
      return reportRequest(procedure);
    default:
      return unreachable(procedure);
  }
}

function finish(
  context: EndpointContext,
  session: IkeSession,
  procedure: Procedure,
  payloads: readonly Payload[],
  roundTripMs: number,
): void {
  switch (procedure.kind) {
    case 'liveness':
      onAlive(context, session, roundTripMs);
      return;
    case 'delete-child':
      onChildDeleted(context, session, procedure);
      return;
    case 'path-check':
      onPathAnswered(context, session, procedure, payloads);
      return;
    case 'delete-ike':
    case 'report-auth-failure':
      onIkeDeleted(context, session, procedure.failure);
      return;
    default:
      unreachable(procedure);
      return;
  }
}

function unreachable(procedure: never): never {
  throw new Error(`unhandled procedure ${JSON.stringify(procedure)}`);
}
