import { type Command, FIRST_RESPONDER_SESSION_ID } from '../endpoint-io.ts';
import { tooMuchWaits } from '../errors/failures.ts';
import { initiate } from '../exchanges/initiate.ts';
import { moveToAddress } from '../mobike/responder-moves.ts';
import { checkLiveness } from '../procedures/check-liveness.ts';
import { enqueue, runNext } from '../procedures/run-procedures.ts';
import { startReauthentication } from '../reauth/start-reauth.ts';
import { closeChild, rekeyChild } from '../session/child-lifetime.ts';
import { forgetSession } from '../session/close-session.ts';
import { rekeyIke } from '../session/expire-ike.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { closeSession } from './close-command.ts';
import { type EndpointContext, raise } from './endpoint-context.ts';

/** Performs a command of the driver. A command for a session that has ended does nothing, since the two may cross.
 * @throws RangeError on a session id that is in use or reserved, and on a connection or a child that does not exist: the caller's mistakes.
 */
export function performCommand(context: EndpointContext, command: Command): void {
  if (command.kind === 'initiate') {
    startSession(context, command);
    return;
  }
  const session = context.sessions.get(command.sessionId);
  if (!session) return;
  switch (command.kind) {
    case 'check-liveness':
      if (session.state.kind === 'established') checkLiveness(context, session, 'command');
      return;
    case 'close':
      closeSession(context, session, command.giveUpAt);
      return;
    case 'close-child':
      closeChild(context, session, command.childId, command.reason);
      return;
    case 'rekey-ike':
      rekeyIke(context, session);
      return;
    case 'rekey-child':
      rekeyChild(context, session, command.childId);
      return;
    case 'create-child':
      createChild(context, session, command);
      return;
    case 'move':
      moveToAddress(context, session, command.to, command.isOldGone ?? false);
      runNext(context, session);
      return;
    case 'path-mtu':
      session.pathMtuBytes = command.bytes;
      return;
    case 'reauthenticate':
      startReauthentication(context, session);
      return;
    default:
      unreachable(command);
  }
}

function createChild(
  context: EndpointContext,
  session: IkeSession,
  { child, packet }: Extract<Command, { readonly kind: 'create-child' }>,
): void {
  const names = session.connection?.children.map(({ name }) => name) ?? [];
  if (session.connection && !names.includes(child)) {
    throw new RangeError(`"command.child" expected one of ${names.join(', ')}, got ${child}`);
  }
  if (session.state.kind !== 'established') return;
  const procedure = { kind: 'create-child', name: child, postponements: 0 } as const;
  if (enqueue(context, session, packet ? { ...procedure, packet } : procedure)) return;
  const failure = tooMuchWaits(session.queue.length + session.postponed.length);
  raise(context, { kind: 'child-failed', sessionId: session.id, name: child, failure });
}

function startSession(
  context: EndpointContext,
  command: Extract<Command, { readonly kind: 'initiate' }>,
): void {
  const { sessionId } = command;
  const connection = context.connections.find(({ name }) => name === command.connection);
  if (!connection) {
    const names = context.connections.map(({ name }) => name).join(', ');
    throw new RangeError(
      `"command.connection" expected one of ${names}, got ${command.connection}`,
    );
  }
  if (!Number.isInteger(sessionId) || sessionId < 0 || sessionId >= FIRST_RESPONDER_SESSION_ID) {
    throw new RangeError(
      `"command.sessionId" expected a whole number below ${FIRST_RESPONDER_SESSION_ID}, got ${sessionId}`,
    );
  }
  const former = context.sessions.get(sessionId);
  // The id of a session that has ended may be used again at once, though its last answer is still kept.
  if (former?.state.kind === 'lingering') forgetSession(context, former);
  if (context.sessions.has(sessionId)) {
    throw new RangeError(`"command.sessionId" expected one that is not in use, got ${sessionId}`);
  }
  initiate(context, command, connection);
}

function unreachable(value: never): never {
  throw new Error(`unhandled ${JSON.stringify(value)}`);
}
