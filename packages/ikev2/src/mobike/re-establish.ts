import { addMs, laterOf } from '@ipsec-kit/clock';
import { type Path, pathsEqual } from '@ipsec-kit/ip';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { ADDRESS_GONE } from '../errors/endings.ts';
import { endSession } from '../session/close-session.ts';
import { sayFarewell } from '../session/farewell.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { leaveFrom } from './move-behind.ts';

/** Least time that an IKE SA stands whose address still works, however our addresses flap. */
const REST_MS = 5_000;

/** A peer without MOBIKE cannot be told of a new address: the session is opened anew from there, with the same virtual addresses.
 * While the old address works that is a reauthentication, make before break.
 */
export function reEstablish(
  context: EndpointContext,
  session: IkeSession,
  path: Path,
  oldPathWorks: boolean,
): void {
  const { successor } = session;
  if (successor) leaveFrom(context, successor, path.local.address);
  if (oldPathWorks) {
    armReEstablishment(context, session, path);
    return;
  }
  session.path = path;
  // Where the peer goes by the newest packet, as RFC 7296 §2.23 has it, it hears of the end.
  sayFarewell(context, session);
  endSession(context, session, ADDRESS_GONE);
}

function armReEstablishment(context: EndpointContext, session: IkeSession, path: Path): void {
  if (session.successor || pathsEqual(path, session.path)) {
    context.deadlines.clear(session.id, 'address-update');
    return;
  }
  const at = laterOf(context.now, addMs(session.establishedAt, REST_MS));
  setTimer(context, session, 'address-update', at, {
    label: 're-establishment from another address',
  });
}
