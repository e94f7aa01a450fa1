import type { Timeless } from '@ipsec-kit/clock';
import { addressesEqual, type IpAddress } from '@ipsec-kit/ip';
import type { ResponderMoveInput, ResponderMoveOutput } from '@ipsec-kit/mobike';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveChildren, moveIke } from '../session/move-path.ts';
import { announceAddresses } from './announce.ts';
import { othersThan, ownAddresses } from './own-addresses.ts';
import { tellMover } from './perform-moves.ts';
import { PACE_MS, sendOutstandingOver } from './send-outstanding.ts';

/** A fact for the move of a responder, without its time. */
export type ResponderMoveFact = Timeless<ResponderMoveInput>;

/** Goes to another of our addresses, or to the best. The initiator decides about paths, so a responder asks it to, by a list from the
 * new one; an initiator goes by itself, or shows that where it is it is heard.
 * @param isOldGone - packets can no longer leave from the address in use.
 * @see RFC 4555 §3.5, §3.6
 */
export function moveToAddress(
  context: EndpointContext,
  session: IkeSession,
  to: IpAddress | undefined,
  isOldGone: boolean,
): void {
  if (session.state.kind !== 'established') return;
  if (session.role === 'initiator') moveAsInitiator(context, session, to, isOldGone);
  else moveAsResponder(context, session, to, isOldGone);
}

function moveAsInitiator(
  context: EndpointContext,
  session: IkeSession,
  to: IpAddress | undefined,
  isOldGone: boolean,
): void {
  if (isOldGone && to) {
    const rest = othersThan(ownAddresses(context, session), to, session.path.local.address);
    tellMover(context, session, { kind: 'local-addresses', addresses: [to, ...rest] });
    return;
  }
  tellMover(context, session, { kind: 'move-wanted', ...(to ? { local: to } : {}) });
}

function moveAsResponder(
  context: EndpointContext,
  session: IkeSession,
  wanted: IpAddress | undefined,
  isOldGone: boolean,
): void {
  const own = ownAddresses(context, session);
  const { path } = session;
  const { version } = path.local.address;
  const to = wanted ?? own.find((address) => address.version === version);
  if (!to || (!isOldGone && addressesEqual(to, path.local.address))) return;
  const seenAt = context.seenEndpoints.of(to, path.remote.address);
  const others = othersThan(own, to, path.local.address);
  const request = { from: path, to, others, seenAt, isOldGone };
  performResponderMoves(context, session, { kind: 'move', request });
}

/** Tells the move of a responder a fact, and performs what it decides, in order. @returns what it decided. */
export function performResponderMoves(
  context: EndpointContext,
  session: IkeSession,
  fact: ResponderMoveFact,
): readonly ResponderMoveOutput[] {
  const outputs = session.responderMove?.handle({ ...fact, now: context.now }) ?? [];
  for (const output of outputs) perform(context, session, output);
  return outputs;
}

function perform(context: EndpointContext, session: IkeSession, output: ResponderMoveOutput): void {
  switch (output.kind) {
    case 'send-list':
      announceAddresses(session, output.additional, output.paths);
      return;
    case 'transmit':
      sendOutstandingOver(context, session, output.paths, PACE_MS);
      return;
    case 'move-children':
      moveIke(context, session, output.path, session.marker);
      session.provenPath = output.path;
      moveChildren(context, session, output.path);
      return;
    case 'moved':
    case 'fell-back':
    case 'refused':
      return;
    default:
      unreachable(output);
  }
}

function unreachable(output: never): never {
  throw new Error(`unhandled output ${JSON.stringify(output)}`);
}
