import { NotifyType } from '@ipsec-kit/ikev2-codec';
import { acceptChild } from '../child/accept-child.ts';
import { firstChildConfig, firstChildOffer } from '../child/child-offer.ts';
import { adoptChild, requestInstallation } from '../child/install-child.ts';
import type { ConnectionConfig } from '../config.ts';
import { type EndpointContext, raise, releaseChildSpi } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { ikeAuthRefused } from '../errors/authentication-failures.ts';
import { installFailed } from '../errors/failures.ts';
import { noAddressFromPeer } from '../errors/selector-failures.ts';
import type { SessionFailure } from '../events.ts';
import { eraseChildKeys } from '../keys/child-keys.ts';
import { readConfigReply } from '../negotiate/config-payload.ts';
import { findErrorNotify, findPayload } from '../payloads/find-payload.ts';
import { endWithDelete } from '../procedures/request-end.ts';
import { moveRemaining } from '../reauth/move-remaining.ts';
import {
  announceOpened,
  asReplacement,
  asReplacementStill,
  closeWithReplaced,
} from '../reauth/reauth-child.ts';
import { endSession } from '../session/close-session.ts';
import { establish } from '../session/establish.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { moveTo, type StateOf } from '../session/session-state.ts';
import { openChildless } from './childless-initiator.ts';

/** The peer is authentic. A failure from here on is one of the Child SA; we then close, since without it there is nothing to do.
 * @see RFC 7296 §2.21.2 (the initiator MAY, for reasons of policy, delete such an IKE SA)
 */
export function openFirstChild(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'checking-peer-proof'>,
  sa: IkeSa,
  connection: ConnectionConfig,
  childSpi: number,
): void {
  const { payloads, offer } = state;
  const config = firstChildConfig(connection, offer.childName);
  if (!config) return;
  const reply = findPayload(payloads, 'CP');
  const requested = connection.virtualAddresses;
  const given = reply ? readConfigReply(reply, requested) : { addresses: [], dns: [] };
  const refusal = findErrorNotify(payloads)?.notify;
  if (refusal === NotifyType.INVALID_SYNTAX) {
    // RFC 7296 §2.21.2: this one ends the IKE SA as well, without a Delete payload.
    const failure = authNotUnderstood(session);
    releaseChildSpi(context, childSpi);
    raise(context, { kind: 'child-failed', sessionId: session.id, name: config.name, failure });
    endSession(context, session, failure);
    return;
  }
  if (refusal === NotifyType.SINGLE_PAIR_REQUIRED && session.firstPacket && !session.takesOver) {
    // RFC 7296 §2.9.1, §1.2: the IKE SA stands, and what the packet wants is asked for in it, with the packet alone in the end.
    releaseChildSpi(context, childSpi);
    openChildless(context, session, state);
    return;
  }
  const wantsAddress = requested.length > 0;
  if (
    refusal === NotifyType.INTERNAL_ADDRESS_FAILURE ||
    (refusal === undefined && wantsAddress && given.addresses.length === 0)
  ) {
    failChild(context, session, config.name, noAddressFromPeer(requested));
    return;
  }
  session.virtualAddresses = given.addresses;
  session.dns = given.dns;
  const { transcript } = offer;
  const child = firstChildOffer(session, connection, config, childSpi);
  const result = acceptChild(context, sa, connection, child, childSpi, transcript, payloads);
  if (!result.ok) {
    failChild(context, session, config.name, result.failure);
    return;
  }
  const negotiated = asReplacement(session, { ...result.child, moves: offer.moves }, 'local');
  const requestId = requestInstallation(context, session, negotiated);
  moveTo(session, 'checking-peer-proof', {
    kind: 'installing-first-child',
    requestId,
    child: negotiated,
  });
}

/** The packet path has answered. */
export function onFirstChildInstalled(
  context: EndpointContext,
  session: IkeSession,
  state: StateOf<'installing-first-child'>,
  answer: Answer,
): void {
  const child = asReplacementStill(context, session, state.child);
  if (answer.kind !== 'install-child' || !answer.ok) {
    const reason =
      answer.kind === 'install-child' || answer.kind === 'failed' ? answer.reason : undefined;
    const failure = installFailed(reason ?? 'no reason given');
    raise(context, {
      kind: 'child-failed',
      sessionId: session.id,
      name: child.config.name,
      failure,
    });
    releaseChildSpi(context, child.inboundSpi);
    eraseChildKeys(child.inboundKeys, child.outboundKeys);
    moveTo(session, 'installing-first-child', { kind: 'established' });
    endWithDelete(context, session, failure);
    return;
  }
  adoptChild(context, session, child);
  moveTo(session, 'installing-first-child', { kind: 'established' });
  establish(context, session);
  announceOpened(context, session, child);
  closeWithReplaced(session, child);
  moveRemaining(context, session);
}

/** strongSwan answers so to a Child SA in IKE_AUTH where it has `childless = force`. @see RFC 6023 §4 */
function authNotUnderstood({
  peerIsChildless,
  localIdentity: local,
  connection,
}: IkeSession): SessionFailure {
  const failure = ikeAuthRefused(NotifyType.INVALID_SYNTAX, { local, connection });
  if (!peerIsChildless) return failure;
  const hint = 'If it wants no Child SA in IKE_AUTH, write childless = prefer here.';
  return { ...failure, sentence: `${failure.sentence} ${hint}` };
}

function failChild(
  context: EndpointContext,
  session: IkeSession,
  name: string,
  failure: SessionFailure,
): void {
  const { state } = session;
  if (state.kind !== 'checking-peer-proof') return;
  releaseChildSpi(context, state.offer.childSpi);
  raise(context, { kind: 'child-failed', sessionId: session.id, name, failure });
  moveTo(session, 'checking-peer-proof', { kind: 'established' });
  endWithDelete(context, session, failure);
}
