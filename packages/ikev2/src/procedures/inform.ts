import { ExchangeType, type Payload } from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { announcementRequest } from '../mobike/announce.ts';
import { hurry } from '../mobike/hurry.ts';
import { performResponderMoves } from '../mobike/responder-moves.ts';
import { hasRoomFor } from '../mobike/verified-address.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { armRetransmission, sendRequest } from '../session/send-message.ts';
import { deleteChildRequest, onChildDeleted, withdrawChildRequest } from './delete-child.ts';
import { beginEnding, deleteIkeRequest, onIkeDeleted, reportRequest } from './end-ike-sa.ts';
import { livenessRequest, onAlive } from './liveness.ts';
import { onPathAnswered, pathCheckRequest } from './path-check.ts';
import { onProbeAnswered, probePaths, probeRequest } from './probe-binding.ts';
import type { Procedure } from './procedure.ts';
import {
  onAddressesUpdated,
  UPDATE_BYTES,
  type UpdateResponse,
  updateAddressesRequest,
} from './update-addresses.ts';

/** Procedures that are one INFORMATIONAL exchange. */
export type Informing = Exclude<
  Procedure,
  { readonly kind: 'create-child' | 'rekey-child' | 'rekey-ike' | 'delete-predecessor' }
>;

/** Whether it is a CREATE_CHILD_SA exchange, or none of its own, instead. */
export function isCreation(procedure: Procedure): procedure is Exclude<Procedure, Informing> {
  const { kind } = procedure;
  return (
    kind === 'create-child' ||
    kind === 'rekey-child' ||
    kind === 'rekey-ike' ||
    kind === 'delete-predecessor'
  );
}

/** Sends the INFORMATIONAL request of a procedure. @returns false when it has become pointless. */
export function inform(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  procedure: Informing,
): boolean {
  const payloads = buildRequest(context, session, sa, procedure);
  const permission = sa.requests.permission();
  if (!payloads || !permission.ok) return false;
  const { messageId } = permission;
  session.running = { procedure, messageId, startedAt: context.now };
  if (procedure.kind === 'delete-ike' || procedure.kind === 'report-auth-failure') {
    beginEnding(context, session, procedure.failure);
  }
  const paths = pathsOf(session, procedure);
  const isPadded = isAboutMove(procedure) && hasRoomFor(context, session, UPDATE_BYTES);
  const options = isPadded ? { leastBytes: UPDATE_BYTES } : {};
  sendRequest(context, session, sa, ExchangeType.INFORMATIONAL, payloads, {
    ...options,
    ...(paths ? { paths } : {}),
  });
  if (hurry(session)) armRetransmission(context, session);
  return true;
}

/** Whether it tells of a move, which its receiver has more to send about than the answer. */
function isAboutMove(procedure: Informing): boolean {
  const { kind } = procedure;
  return (
    kind === 'update-addresses' || (kind === 'announce-addresses' && procedure.paths !== undefined)
  );
}

/** Where the request of a procedure goes when that is not the path in use. */
function pathsOf(session: IkeSession, procedure: Informing): readonly Path[] | undefined {
  switch (procedure.kind) {
    case 'announce-addresses':
      return procedure.paths;
    case 'probe-binding':
      return probePaths(session);
    default:
      return undefined;
  }
}

/** The payloads of a procedure's request; `undefined` when it has become pointless. */
function buildRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  procedure: Informing,
): readonly Payload[] | undefined {
  switch (procedure.kind) {
    case 'liveness':
      return livenessRequest(context, session, sa, procedure);
    case 'delete-child':
      return deleteChildRequest(session, procedure);
    case 'withdraw-child':
      return withdrawChildRequest(procedure);
    case 'path-check':
      return pathCheckRequest(session, procedure);
    case 'probe-binding':
      return probeRequest(context, session, sa, procedure);
    case 'update-addresses':
      return updateAddressesRequest(context, session, sa, procedure);
    case 'announce-addresses':
      return announcementRequest(procedure);
    case 'delete-ike':
      return deleteIkeRequest();
    case 'report-auth-failure':
      return reportRequest(procedure);
    default:
      return unreachable(procedure);
  }
}

/** The response to an INFORMATIONAL request has come: does what follows from it. */
export function finish(
  context: EndpointContext,
  session: IkeSession,
  procedure: Informing,
  response: UpdateResponse,
): void {
  switch (procedure.kind) {
    case 'liveness':
      onAlive(context, session, response.roundTripMs);
      return;
    case 'delete-child':
      onChildDeleted(context, session, procedure);
      return;
    case 'withdraw-child':
      return;
    case 'path-check':
      onPathAnswered(context, session, procedure, response.payloads, response.path);
      return;
    case 'probe-binding':
      onProbeAnswered(context, session, procedure, response.payloads, response.path);
      return;
    case 'update-addresses':
      onAddressesUpdated(context, session, procedure, response);
      return;
    case 'announce-addresses':
      if (procedure.paths) performResponderMoves(context, session, { kind: 'answered' });
      return;
    case 'delete-ike':
    case 'report-auth-failure':
      onIkeDeleted(context, session, procedure.failure);
      return;
    default:
      unreachable(procedure);
      return;
  }
}

function unreachable(procedure: never): never {
  throw new Error(`unhandled procedure ${JSON.stringify(procedure)}`);
}
