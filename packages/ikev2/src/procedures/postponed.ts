import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isMoveToCome } from './procedure.ts';
import { enqueue } from './run-procedures.ts';

/** Begins anew what the peer had put off, once its pause is over. @see RFC 7296 §2.25 */
export function onPostponedTimer(context: EndpointContext, session: IkeSession): void {
  for (;;) {
    const [first] = session.postponed;
    if (!first) return;
    if (first.at > context.now) {
      setTimer(context, session, 'postponed', first.at, { label: 'what the peer has put off' });
      return;
    }
    session.postponed.shift();
    const { procedure } = first;
    enqueue(context, session, procedure);
    // The old IKE SA has waited for it.
    if (isMoveToCome(procedure)) enqueue(context, session, { kind: 'delete-predecessor' });
  }
}
