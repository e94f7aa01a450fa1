import { notify, type Payload } from '@ipsec-kit/ikev2-codec';
import { answerFirstChild } from '../child/answer-child.ts';
import { adoptChild, requestInstallation } from '../child/install-child.ts';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import type { Answer, Lease } from '../endpoint-io.ts';
import { CHILD_TOO_EARLY } from '../errors/endings.ts';
import { installFailed } from '../errors/failures.ts';
import { noAddressForPeer } from '../errors/selector-failures.ts';
import { type ProtocolError, wireAnswer } from '../errors/wire-answer.ts';
import type { SessionFailure } from '../events.ts';
import { eraseChildKeys } from '../keys/child-keys.ts';
import { configReply } from '../negotiate/config-payload.ts';
import { findPayload } from '../payloads/find-payload.ts';
import { announceOpened, asReplacement, asReplacementStill } from '../reauth/reauth-child.ts';
import { establish } from '../session/establish.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { type AuthRequest, moveTo, type StateOf } from '../session/session-state.ts';
import { sendAuthResponse } from './refuse-auth.ts';

/** Negotiates the Child SA of an authenticated IKE_AUTH request and has it installed before the response leaves.
 * A failure is one of the Child SA alone: the IKE SA stands, and the response says both.
 * @param leased - what the pools gave; `none-free` when they were asked in vain; `undefined` when they were not asked.
 * @see RFC 7296 §1.2, §2.21.2, §3.15.4
 */
export function openFirstChildAsResponder(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  request: AuthRequest,
  authPayloads: readonly Payload[],
  leased: Lease | 'none-free' | undefined,
): void {
  const { connection, transcript, payloads, remoteIdentity } = request;
  if (leased === 'none-free') {
    const failure = noAddressForPeer(connection.pools, remoteIdentity);
    const name = connection.children[0]?.name ?? '';
    establishWithout(
      context,
      session,
      sa,
      authPayloads,
      { code: 'internal-address-failure' },
      failure,
      name,
    );
    return;
  }
  if (!findPayload(payloads, 'SA')) {
    establishChildless(context, session, sa, authPayloads, leased);
    return;
  }
  if (connection.childless === 'force') {
    if (leased) context.outputs.push({ kind: 'release-lease', lease: leased });
    const name = connection.children[0]?.name ?? '';
    const error: ProtocolError = { code: 'no-additional-sas' };
    establishWithout(context, session, sa, authPayloads, error, CHILD_TOO_EARLY, name);
    return;
  }
  const result = answerFirstChild(context, session, sa, connection, leased, transcript, payloads);
  if (!result.ok) {
    if (leased) context.outputs.push({ kind: 'release-lease', lease: leased });
    establishWithout(context, session, sa, authPayloads, result.error, result.failure, result.name);
    return;
  }
  const child = { ...asReplacement(session, result.child, 'peer'), isFromPeer: true };
  const requestId = requestInstallation(context, session, child);
  const next = {
    kind: 'installing-response-child' as const,
    requestId,
    child,
    authPayloads,
    childPayloads: result.payloads,
    lease: leased,
  };
  if (session.state.kind === 'leasing-addresses') moveTo(session, 'leasing-addresses', next);
  else moveTo(session, 'making-response-proof', next);
}

/** The packet path has answered: now the response may leave. */
export function onResponseChildInstalled(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'installing-response-child'>,
  answer: Answer,
): void {
  const { sa } = session;
  const { authPayloads, childPayloads, lease } = state;
  const child = asReplacementStill(context, session, state.child);
  if (!sa) return;
  if (answer.kind !== 'install-child' || !answer.ok) {
    const reason =
      answer.kind === 'install-child' || answer.kind === 'failed' ? answer.reason : undefined;
    context.inboundChildSpis.delete(child.inboundSpi);
    eraseChildKeys(child.inboundKeys, child.outboundKeys);
    if (lease) context.outputs.push({ kind: 'release-lease', lease });
    const failure = installFailed(reason ?? 'no reason given');
    const error: ProtocolError = { code: 'temporary-failure' };
    establishWithout(context, session, sa, authPayloads, error, failure, child.config.name);
    return;
  }
  session.lease = lease;
  const config = lease ? [configReply(lease)] : [];
  moveTo(session, 'installing-response-child', { kind: 'established' });
  adoptChild(context, session, child);
  sendAuthResponse(context, session, sa, [...authPayloads, ...config, ...childPayloads]);
  establish(context, session);
  announceOpened(context, session, child);
}

/** The IKE SA stands alone, with the addresses that were asked for; its children follow. @see RFC 6023 §3, §5 */
function establishChildless(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  authPayloads: readonly Payload[],
  lease: Lease | undefined,
): void {
  session.lease = lease;
  const config = lease ? [configReply(lease)] : [];
  sendAuthResponse(context, session, sa, [...authPayloads, ...config]);
  moveToEstablished(session);
  establish(context, session);
}

function moveToEstablished(session: IkeSession): void {
  const { kind } = session.state;
  if (kind === 'leasing-addresses') moveTo(session, kind, { kind: 'established' });
  else if (kind === 'making-response-proof') moveTo(session, kind, { kind: 'established' });
  else if (kind === 'installing-response-child') moveTo(session, kind, { kind: 'established' });
}

/** The IKE SA is established, the Child SA is not. @see RFC 7296 §2.21.2 */
function establishWithout(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  authPayloads: readonly Payload[],
  error: ProtocolError,
  failure: SessionFailure,
  name: string,
): void {
  const answer = wireAnswer(error, true);
  const notifies = answer.kind === 'notify' ? [notify(answer.notify, answer.data)] : [];
  sendAuthResponse(context, session, sa, [...authPayloads, ...notifies]);
  moveToEstablished(session);
  establish(context, session);
  raise(context, { kind: 'child-failed', sessionId: session.id, name, failure });
}
