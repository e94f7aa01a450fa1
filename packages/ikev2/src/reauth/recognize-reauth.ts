import { ConfigType, type Payload } from '@ipsec-kit/ikev2-codec';
import { addressesEqual, pathsEqual } from '@ipsec-kit/ip';
import type { ChildSa } from '../child/child-sa.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { requestedAddresses } from '../negotiate/config-payload.ts';
import { isWithinOffer, readSelectors } from '../negotiate/selectors.ts';
import { findPayload } from '../payloads/find-payload.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { repeatOutstanding } from '../session/repeat-request.ts';
import { isBehind } from '../session/shown-session.ts';
import { isTogether } from '../unique/at-once.ts';

/** The session that a peer, who has just authenticated, reauthenticates: one of the same identities and connection whose
 * virtual address it asks for; where there are none, one over the same path whose Child SA it offers again.
 * A session that we opened is the peer's to replace as well.
 * @see RFC 7296 §2.8.3
 */
export function recognizeReauthentication(
  context: EndpointContext,
  session: IkeSession,
  payloads: readonly Payload[],
): IkeSession | undefined {
  const cp = findPayload(payloads, 'CP');
  const isRequest = cp?.configType === ConfigType.CFG_REQUEST;
  const requested = isRequest ? requestedAddresses(cp) : [];
  return context.peerSessions.others(session).find((other) => {
    if (other.state.kind !== 'established' || isBehind(other) || other.isClosing) return false;
    if (other.connection !== session.connection) return false;
    if (other.lease) {
      const { addresses } = other.lease;
      return requested.some((wanted) =>
        addresses.some(({ address }) => addressesEqual(address, wanted)),
      );
    }
    const isSamePlace = pathsEqual(other.path, session.path);
    if (isOneOfTwo(context, session, other)) return false;
    return requested.length === 0 && isSamePlace && offersAgain(other, payloads);
  });
}

/** Two that both sides opened at once are no reauthentication: the second was begun before the first stood. Whoever
 * reauthenticates begins when the other side is known to have what is to be replaced; two who do so at once replace one
 * that they have both.
 */
function isOneOfTwo(context: EndpointContext, session: IkeSession, other: IkeSession): boolean {
  const isLater = session.begunAt > other.establishedAt;
  return !isLater && !other.isReauthenticated && isTogether(context, session, other);
}

/** Where the user closes what this peer has here, and the peer, who does not know yet, opens it anew or reauthenticates: what it opens
 * is closed as well, and it is told again of the end of the other, since it has just shown that it is there.
 */
export function closeIfUnwanted(context: EndpointContext, session: IkeSession): void {
  for (const other of context.peerSessions.others(session)) {
    if (!other.isClosing || other.connection !== session.connection) continue;
    session.isClosing = true;
    repeatOutstanding(context, other);
  }
}

/** The Child SA whose answer has not come: the peer may have it, and nothing else that it would keep. */
function awaited({
  initiation,
}: IkeSession): Pick<ChildSa, 'localSelectors' | 'remoteSelectors'>[] {
  if (!initiation || !('offer' in initiation.attempt)) return [];
  const { local, remote } = initiation.attempt.offer;
  return [{ localSelectors: local, remoteSelectors: remote }];
}

/** The peer is the initiator: its TSi is the remote side, its TSr ours. */
function offersAgain(other: IkeSession, payloads: readonly Payload[]): boolean {
  const tsi = findPayload(payloads, 'TSi');
  const tsr = findPayload(payloads, 'TSr');
  // Without a Child SA in IKE_AUTH its children follow, and tell.
  if (!tsi || !tsr) return true;
  const remote = readSelectors(tsi);
  const local = readSelectors(tsr);
  if (other.children.size === 0) return true;
  // Also what has been closed: the peer, who asks for it by name, may not know yet; and what it has made and we do not know of yet.
  return [...other.carried.values(), ...awaited(other)].some(
    ({ localSelectors, remoteSelectors }) =>
      isWithinOffer(localSelectors, local) && isWithinOffer(remoteSelectors, remote),
  );
}
