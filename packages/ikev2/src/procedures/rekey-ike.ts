import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { beginIkeRekey } from '../exchanges/rekey-ike-initiator.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind } from '../session/shown-session.ts';

/** Begins the replacement of the IKE SA. @returns false when it is on its way to be closed, or to be replaced as a whole. */
export function beginRekeyIke(context: EndpointContext, session: IkeSession): boolean {
  if (session.state.kind !== 'established' || session.isClosing) return false;
  if (session.successor || isBehind(session)) return false;
  return beginIkeRekey(context, session);
}
