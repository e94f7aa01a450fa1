import type { ChildSa } from '../child/child-sa.ts';
import { isHandedOver } from '../reauth/is-handed-over.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { type Cell, COLLISIONS, type OwnWork, type PeerRequest } from './table.ts';

/** What the table says to a request of the peer, as things stand now.
 * @param sa - the IKE SA under which it came.
 * @param target - the Child SA that it names.
 */
export function judge(
  session: IkeSession,
  sa: IkeSa,
  request: PeerRequest,
  target?: ChildSa,
): Cell {
  const isCreation = request !== 'delete-child' && request !== 'delete-ike';
  // What a reauthentication has replaced is as good as closed, and what its user closes makes nothing new; that wish changes nothing
  // about what the peer deletes until our DELETE is out.
  const isClosing =
    isCreation && (session.isClosing || (sa === session.sa && isHandedOver(session)));
  return COLLISIONS[request][isClosing ? 'closing-ike' : ownWork(session, sa, target)];
}

/** What this side is doing, seen from a request of the peer. The IKE SA goes before its children. */
export function ownWork(session: IkeSession, sa: IkeSa, target?: ChildSa): OwnWork {
  if (sa !== session.sa) return 'rekeyed-ike';
  if (session.state.kind === 'ending') return 'closing-ike';
  const { rival, initiation } = session;
  if (initiation?.kind === 'agreeing-ike-key') return 'rekeyed-ike';
  if (initiation && 'series' in initiation && 'initiatorSpi' in initiation.attempt) {
    return 'following-up-ike';
  }
  if (initiation?.kind === 'awaiting-ike-response') {
    return rival?.kind === 'ike' ? 'both-rekeying-ike' : 'rekeying-ike';
  }
  return (target && workOnChild(session, target)) ?? workOnOthers(session);
}

function workOnChild(session: IkeSession, target: ChildSa): OwnWork | undefined {
  if (target.deleting !== undefined) return 'closing-same-child';
  const { initiation, rival } = session;
  if (initiation && 'rekeys' in initiation.attempt && initiation.attempt.rekeys === target.id) {
    switch (initiation.kind) {
      case 'awaiting-child-response':
        return rival?.kind === 'child' ? 'both-rekeying-same-child' : 'rekeying-same-child';
      case 'agreeing-child-key':
      case 'generating-follow-up-key':
      case 'awaiting-follow-up-response':
      case 'agreeing-follow-up-key':
      case 'installing-child':
        return 'rekeyed-same-child';
      default:
        break;
    }
  }
  return target.replacedBy === undefined ? undefined : 'peer-rekeyed-same-child';
}

/** Work that does not concern the Child SA at hand; a request that has not left yet does not count. */
function workOnOthers({ running, initiation }: IkeSession): OwnWork {
  const isOut = running?.messageId !== undefined || initiation?.kind === 'installing-child';
  if (!running || !isOut)
    return initiation?.kind === 'agreeing-child-key' ? 'creating-child' : 'idle';
  switch (running.procedure.kind) {
    case 'create-child':
      return 'creating-child';
    case 'rekey-child':
      return 'rekeying-other-child';
    case 'delete-child':
    case 'withdraw-child':
      return 'closing-other-child';
    default:
      return 'idle';
  }
}
