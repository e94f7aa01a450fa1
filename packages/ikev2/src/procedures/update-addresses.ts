import type { Payload } from '@ipsec-kit/ikev2-codec';
import { ReturnRoutabilityCheck, updateSaAddressesNotify } from '@ipsec-kit/mobike';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { ownPathNotProven } from '../errors/failures.ts';
import { natDetectionNotifies } from '../nat/nat-detection.ts';
import { findErrorNotify, notifiesOf } from '../payloads/find-payload.ts';
import { endSession } from '../session/close-session.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { Procedure, UpdateReason } from './procedure.ts';

type UpdateAddresses = Extract<Procedure, { readonly kind: 'update-addresses' }>;

/** Whether an update that waits already tells the peer as well; one without an id gives way to one with. */
export function isTold({ queue }: IkeSession, updateId: number | undefined): boolean {
  const waiting = queue.findIndex(({ kind }) => kind === 'update-addresses');
  if (waiting < 0) return false;
  if (updateId === undefined) return true;
  queue.splice(waiting, 1);
  return false;
}

/** The procedure of an UPDATE_SA_ADDRESSES. */
export function newUpdate(
  context: EndpointContext,
  reason: UpdateReason,
  updateId?: number,
): UpdateAddresses {
  return {
    kind: 'update-addresses',
    reason,
    check: new ReturnRoutabilityCheck(context.random),
    ...(updateId === undefined ? {} : { updateId }),
  };
}

/** UPDATE_SA_ADDRESSES with NAT detection, whose answer is the new baseline, and COOKIE2. `undefined` for a peer without MOBIKE.
 * @see RFC 4555 §3.5, §3.7, §3.8
 */
export function updateRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  { check }: UpdateAddresses,
): readonly Payload[] | undefined {
  if (session.role !== 'initiator' || !session.addressUpdates) return undefined;
  session.mapping.rebase();
  check.onSent(session.path.remote);
  return [
    updateSaAddressesNotify(),
    ...natDetectionNotifies(context.crypto, sa, session.path),
    check.notify,
  ];
}

/** The peer has answered: it sends to where the request came from. */
export function onUpdated(
  context: EndpointContext,
  session: IkeSession,
  procedure: UpdateAddresses,
  payloads: readonly Payload[],
  roundTripMs: number,
): void {
  const verdict = procedure.check.onResponse(notifiesOf(payloads));
  switch (verdict.kind) {
    case 'verified':
      // A refusal (UNACCEPTABLE_ADDRESSES, UNEXPECTED_NAT_DETECTED) leaves the peer where it was.
      if (findErrorNotify(payloads)) return;
      raise(context, {
        kind: 'addresses-updated',
        sessionId: session.id,
        from: session.path,
        to: session.path,
        roundTripMs,
      });
      return;
    case 'ambiguous':
      if (isTold(session, procedure.updateId)) return;
      session.queue.unshift(newUpdate(context, procedure.reason, procedure.updateId));
      return;
    case 'failed':
      // RFC 4555 §3.7: if the values do not match, the IKE SA MUST be closed.
      endSession(context, session, ownPathNotProven(session.path));
      return;
    default:
      unreachable(verdict);
  }
}

function unreachable(verdict: never): never {
  throw new Error(`unhandled verdict ${JSON.stringify(verdict)}`);
}
