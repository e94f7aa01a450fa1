import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { runNext } from '../procedures/run-procedures.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { tellMover } from './perform-moves.ts';

/** A move that had to wait may begin. */
export function onMoverTimer(context: EndpointContext, session: IkeSession): void {
  tellMover(context, session, { kind: 'timeout' });
  runNext(context, session);
}
