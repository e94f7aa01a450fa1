import { addMs, type Instant } from '@ipsec-kit/clock';
import { compareNonces } from '../collisions/lowest-nonce.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { HAND_OVER_PATIENCE_MS } from './take-over.ts';

/** How long the peer's next IKE_AUTH waits for the DELETE of what its last one has replaced. That follows within a round trip; a
 * peer that asks again later has none to send, as strongSwan when it had reauthenticated an IKE SA that we deleted meanwhile.
 */
const PEER_DELETES_WITHIN_MS = 3_000;

/** Whether the IKE_AUTH request of a peer that reauthenticates is to wait: reauthentications that meet happen one after the
 * other. Another is under way from when we ask for it in IKE_AUTH, or accept it there, until the IKE SA that it replaces is
 * gone. Where both sides have asked, both know all four nonces, and the IKE SA with the lowest waits.
 * @param old - the IKE SA that it is to replace.
 * @see RFC 7296 §2.8.1 (the rule for what both sides make at once)
 */
export function waitsItsTurn(session: IkeSession, old: IkeSession, now: Instant): boolean {
  if (isReplacing(old, now, PEER_DELETES_WITHIN_MS) || isAcceptedFromPeer(old, session))
    return true;
  const own = old.successor;
  switch (own?.state.kind) {
    case 'awaiting-auth-response':
      return compareNonces(session.lowestNonce, own.lowestNonce) < 0;
    case 'checking-peer-proof':
    case 'installing-first-child':
      return true;
    default:
      return false;
  }
}

/** Whether we may begin to reauthenticate: none is under way, and the peer is known to have the IKE SA that we would replace. The
 * initiator of that one knows; its responder, whose last answer may be lost, does when something has come under it. Of two that
 * both sides opened at once the redundant one waits for its end.
 */
export function mayBegin(context: EndpointContext, session: IkeSession): boolean {
  if (isReplacing(session, context.now, HAND_OVER_PATIENCE_MS)) return false;
  if (context.deadlines.at(session.id, 'duplicate') !== undefined) return false;
  return !isAcceptedFromPeer(session) && isKnownToPeer(session);
}

/** Whether the IKE SA that this one has replaced is about to go: we see to that as initiator; as responder the peer does, soon.
 * One that it leaves behind is no reason to wait.
 */
function isReplacing(
  { predecessor, role, establishedAt }: IkeSession,
  now: Instant,
  patienceMs: number,
): boolean {
  return (
    predecessor !== undefined && (role === 'initiator' || now < addMs(establishedAt, patienceMs))
  );
}

/** Whether the peer has the IKE SA for certain. */
export function isKnownToPeer(session: IkeSession): boolean {
  return session.role === 'initiator' || session.lastInboundAt > session.establishedAt;
}

/** Whether our attempt has not asked for anything yet: the peer knows it for no reauthentication, and forgets it. */
export function hasNotAsked({ state }: IkeSession): boolean {
  switch (state.kind) {
    case 'generating-key':
    case 'awaiting-init-response':
    case 'agreeing-key':
    case 'generating-additional-key':
    case 'awaiting-intermediate-response':
    case 'agreeing-additional-key':
    case 'making-own-proof':
      return true;
    default:
      return false;
  }
}

/** Whether the peer's attempt to replace an IKE SA has been accepted, and is being installed. */
function isAcceptedFromPeer(old: IkeSession, except?: IkeSession): boolean {
  const accepted = old.peerSuccessor;
  if (!accepted || accepted === except || accepted.takesOver !== old) return false;
  return accepted.state.kind !== 'closed' && accepted.state.kind !== 'lingering';
}
