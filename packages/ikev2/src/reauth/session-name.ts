import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** An id for an IKE SA behind a session. */
export function nextIdBehind(context: EndpointContext): number {
  context.nextIdBehind -= 1;
  return context.nextIdBehind;
}

/** Gives the id, and with it the name among users, of one session to another, and the other's to it. Deadlines go along. */
export function exchangeIds(context: EndpointContext, a: IkeSession, b: IkeSession): void {
  context.deadlines.exchange(a.id, b.id);
  const { id } = a;
  a.id = b.id;
  b.id = id;
  context.sessions.set(a.id, a);
  context.sessions.set(b.id, b);
}

/** Puts a session behind another: its own id is free again. */
export function moveBehind(context: EndpointContext, session: IkeSession): void {
  rename(context, session, nextIdBehind(context));
}

/** Gives a session an id that nothing has. */
export function rename(context: EndpointContext, session: IkeSession, id: number): void {
  context.deadlines.exchange(session.id, id);
  context.sessions.delete(session.id);
  session.id = id;
  context.sessions.set(id, session);
}
