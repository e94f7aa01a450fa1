import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { eraseIkeSa, type IkeSa, ownSpi } from './ike-sa.ts';
import type { IkeSession } from './ike-session.ts';

/** Forgets an IKE SA that is not the session's own (any more): its SPI and its keys. */
export function dropIkeSa(context: EndpointContext, session: IkeSession, sa: IkeSa): void {
  const spi = ownSpi(sa);
  if (context.sessionsBySpi.get(spi) === session) context.sessionsBySpi.delete(spi);
  eraseIkeSa(sa);
}
