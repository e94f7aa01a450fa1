import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { beginChild, isReplaceable } from '../exchanges/create-child-initiator.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { Procedure } from './procedure.ts';

type CreateChild = Extract<Procedure, { readonly kind: 'create-child' }>;
type RekeyChild = Extract<Procedure, { readonly kind: 'rekey-child' }>;

/** Begins a further Child SA. @returns false when the connection has none of that name, or what it was to move is closed. */
export function beginCreateChild(
  context: EndpointContext,
  session: IkeSession,
  { name, packet, moves, isOver }: CreateChild,
): boolean {
  const config = session.connection?.children.find((child) => child.name === name);
  if (!config || isOver || session.state.kind !== 'established') return false;
  beginChild(context, session, { config, moves, ...(packet ? { packet } : {}) });
  return true;
}

/** Begins the replacement of a Child SA. @returns false when it is gone, or on its way to be, or replaced already. */
export function beginRekeyChild(
  context: EndpointContext,
  session: IkeSession,
  { childId }: RekeyChild,
): boolean {
  const child = session.children.get(childId);
  if (!child || session.state.kind !== 'established') return false;
  if (!isReplaceable(session, child)) return false;
  child.softAt = undefined;
  beginChild(context, session, { config: child.config, rekeys: child });
  return true;
}
