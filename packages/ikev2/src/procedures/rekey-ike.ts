import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Begins the replacement of the IKE SA. @returns false when it is on its way to be closed. */
export function beginRekeyIke(_context: EndpointContext, _session: IkeSession): boolean {
  return false;
}
