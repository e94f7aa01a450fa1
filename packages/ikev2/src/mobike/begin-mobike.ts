import { findNotify, type NotifyPayload, NotifyType, type Payload } from '@ipsec-kit/ikev2-codec';
import { addressesEqual, hasAddress, pathsEqual, prefixContains } from '@ipsec-kit/ip';
import {
  AddressUpdates,
  additionalAddressNotifies,
  mobikeSupportedNotify,
  PathMover,
  ResponderMove,
} from '@ipsec-kit/mobike';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { notifiesOf } from '../payloads/find-payload.ts';
import { askWhetherThere } from '../procedures/path-check.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { othersThan, ownAddresses, reachableAddresses } from './own-addresses.ts';
import { tellMover } from './perform-moves.ts';
import { reviewAddresses } from './review-addresses.ts';
import { armStandby } from './standby.ts';
import { isVerified } from './verified-address.ts';

/** What an IKE_AUTH message of ours says about MOBIKE: that we have it, and our other addresses. @see RFC 4555 §3.2, §3.4 */
export function mobikeNotifies(
  context: EndpointContext,
  session: IkeSession,
): readonly NotifyPayload[] {
  const own = reachableAddresses(session, ownAddresses(context, session));
  const others = othersThan(own, session.path.local.address);
  session.announced = others;
  return [mobikeSupportedNotify(), ...additionalAddressNotifies(others)];
}

/** The peer has answered or asked in IKE_AUTH: both have MOBIKE when both say so. @see RFC 4555 §3.2, §3.4 */
export function readMobike(session: IkeSession, payloads: readonly Payload[]): void {
  const { connection, role, path } = session;
  if (!connection?.mobike || !findNotify(payloads, NotifyType.MOBIKE_SUPPORTED)) return;
  const allowed = connection.remoteAddresses;
  session.addressUpdates = new AddressUpdates({
    role,
    isShown: (address) =>
      session.provenPath !== undefined &&
      addressesEqual(session.provenPath.remote.address, address),
    isAcceptable: ({ remote }) =>
      allowed.length === 0 || allowed.some((prefix) => prefixContains(prefix, remote.address)),
  });
  session.addressUpdates.peerAddresses.begin(path.remote.address, notifiesOf(payloads));
}

/** The IKE SA stands: from now on the initiator chooses the path, and the responder may ask it to. An initiator without
 * MOBIKE opens the session anew where it would move.
 * @see RFC 4555 §3.1, §3.5, §3.6
 */
export function beginMobike(context: EndpointContext, session: IkeSession): void {
  const { addressUpdates, role } = session;
  const { path: latest, authSent } = session;
  // Where retransmissions came from, the peer may not have moved to.
  if (authSent) session.path = authSent.path;
  const { path } = session;
  if (isVerified(context, session, path.remote.address)) session.provenPath = path;
  else {
    session.provenPath ??= session.firstPath;
    askWhetherThere(context, session);
  }
  if (role === 'responder') {
    const ifUnheard = session.connection?.ifUnheard;
    if (addressUpdates) session.responderMove = new ResponderMove(ifUnheard ? { ifUnheard } : {});
  } else {
    const locals = ownAddresses(context, session);
    const nat64Prefix = context.localAddresses?.nat64Prefix;
    const remotes = addressUpdates?.peerAddresses.addresses ?? [path.remote.address];
    session.mover = new PathMover(
      context.now,
      path,
      { locals, remotes },
      {
        hasMobike: addressUpdates !== undefined,
        ...(nat64Prefix ? { nat64Prefix } : {}),
      },
    );
    armStandby(context, session);
  }
  // Addresses may have changed while it was being opened.
  const own = ownAddresses(context, session);
  if (!hasAddress(own, path.local.address)) reviewAddresses(context, session);
  // The peer goes by the copy of our request that came first, from another address of ours or another mapping perhaps: it is told.
  else if (!pathsEqual(latest, path)) {
    tellMover(context, session, { kind: 'move-wanted', local: latest.local.address });
  } else if (session.nat.local && authSent?.isRepeated) {
    tellMover(context, session, { kind: 'update-wanted' });
  }
}
