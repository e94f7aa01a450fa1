import { hasAddress, type IpAddress, sameAddresses } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { announceAddresses } from './announce.ts';
import { leaveFrom } from './move-behind.ts';
import { othersThan, ownAddresses } from './own-addresses.ts';
import { tellMover } from './perform-moves.ts';
import { reEstablish } from './re-establish.ts';
import { moveToAddress } from './responder-moves.ts';

/** One session looks at our addresses: whether its path is still there, and what its peer is to be told. Requests are put into the
 * queue; whoever calls this runs it.
 */
export function reviewAddresses(context: EndpointContext, session: IkeSession): void {
  const { state, role, path } = session;
  const own = ownAddresses(context, session);
  if (state.kind === 'lingering' || state.kind === 'closed') return;
  if (session.mover) {
    const nat64Prefix = context.localAddresses?.nat64Prefix;
    const fact = { kind: 'local-addresses', addresses: own } as const;
    tellMover(context, session, nat64Prefix ? { ...fact, nat64Prefix } : fact);
    leaveLostAddress(context, session, own);
  } else if (role === 'initiator') {
    const next = replacementFor(own, path.local.address);
    if (next) leaveFrom(context, session, next);
  } else if (session.responderMove) {
    reviewAsResponder(context, session, own);
  }
}

/** A re-establishment was to come later, and now the address that it was to leave has gone. */
function leaveLostAddress(
  context: EndpointContext,
  session: IkeSession,
  own: readonly IpAddress[],
): void {
  const { mover, addressUpdates, state, parked, path } = session;
  if (!mover || addressUpdates || parked || state.kind !== 'established') return;
  if (!hasAddress(own, path.local.address)) reEstablish(context, session, mover.path, false);
}

/** Where to go on from when an address has gone; `undefined` when it has not, or there is nothing of its family. */
function replacementFor(own: readonly IpAddress[], used: IpAddress): IpAddress | undefined {
  if (hasAddress(own, used)) return undefined;
  return own.find(({ version }) => version === used.version);
}

/** A responder tells its peer which addresses it has, and asks it to follow when the one in use is gone. @see RFC 4555 §3.6 */
function reviewAsResponder(
  context: EndpointContext,
  session: IkeSession,
  own: readonly IpAddress[],
): void {
  const { local } = session.path;
  const next = replacementFor(own, local.address);
  if (next) {
    moveToAddress(context, session, next, true);
    return;
  }
  const others = othersThan(own, local.address);
  // Without any address nothing can leave; the peer looks for us when it needs us.
  if (!hasAddress(own, local.address) || sameAddresses(others, session.announced)) return;
  announceAddresses(session, others);
}
