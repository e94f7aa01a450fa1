import { findNotify, NotifyType, type Payload } from '@ipsec-kit/ikev2-codec';
import { type Path, pathsEqual } from '@ipsec-kit/ip';
import { addressListNotifies, type UpdateAnswer, updateSaAddressesNotify } from '@ipsec-kit/mobike';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { tellMover } from '../mobike/perform-moves.ts';
import { sendOwed } from '../mobike/send-owed.ts';
import { natDetectionNotifies } from '../nat/nat-detection.ts';
import { notifiesOf } from '../payloads/find-payload.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { Procedure } from './procedure.ts';

type Update = Extract<Procedure, { readonly kind: 'update-addresses' }>;

/** What an UPDATE_SA_ADDRESSES is padded to: a peer that sends no more to an address than came from it, until it has an answer from
 * there, has room for its response and for asking twice. Likewise a list from a new address, which such an update answers.
 */
export const UPDATE_BYTES = 400;

/** What came over which path, and how long after the request. */
export interface UpdateResponse {
  readonly payloads: readonly Payload[];
  readonly path: Path;
  readonly roundTripMs: number;
}

/** UPDATE_SA_ADDRESSES with NAT detection, COOKIE2 and, when it is news, the list of our other addresses.
 * @returns `undefined` when another change has overtaken it, or when the mover makes one of its own of it.
 * @see RFC 4555 §3.5, §3.6, §3.7, §3.8
 */
export function updateAddressesRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  { updateId, path, additional, check }: Update,
): readonly Payload[] | undefined {
  if (session.role !== 'initiator' || !session.addressUpdates) return undefined;
  if (updateId === undefined || !path) {
    tellMover(context, session, { kind: 'update-wanted' });
    return undefined;
  }
  if (!pathsEqual(path, session.path)) return undefined;
  session.mapping.rebase();
  check.onSent(path.remote);
  return [
    updateSaAddressesNotify(),
    ...natDetectionNotifies(context.crypto, sa, path),
    ...(additional ? addressListNotifies(additional) : []),
    check.notify,
  ];
}

/** The peer has answered: what that means is for the mover to say. An answer that another change has overtaken means nothing, but
 * for a COOKIE2 that is wrong.
 * @see RFC 4555 §3.5, §3.7
 */
export function onAddressesUpdated(
  context: EndpointContext,
  session: IkeSession,
  { updateId, path, check }: Update,
  { payloads, path: over, roundTripMs }: UpdateResponse,
): void {
  const { provenPath } = session;
  if (updateId === undefined || !path) return;
  const routability = check.onResponse(notifiesOf(payloads)).kind;
  const refusal = refusalIn(payloads);
  const update = { updateId, routability, ...(refusal ? { refusal } : {}) };
  const outputs = tellMover(context, session, { kind: 'answered', path: over, update });
  const isDone = outputs.some(({ kind }) => kind === 'move-children') && !refusal;
  if (!isDone || routability !== 'verified' || !pathsEqual(path, session.path)) return;
  session.provenPath = path;
  sendOwed(context, session);
  raise(context, {
    kind: 'addresses-updated',
    sessionId: session.id,
    from: provenPath ?? path,
    to: path,
    roundTripMs,
  });
}

function refusalIn(payloads: readonly Payload[]): UpdateAnswer['refusal'] {
  if (findNotify(payloads, NotifyType.UNACCEPTABLE_ADDRESSES)) return 'unacceptable-addresses';
  if (findNotify(payloads, NotifyType.UNEXPECTED_NAT_DETECTED)) return 'unexpected-nat-detected';
  return undefined;
}
