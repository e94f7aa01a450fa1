import { type KeyExchangeSecret, TransformType } from '@ipsec-kit/crypto';
import {
  findNotify,
  type IkeMessage,
  NotifyType,
  notify,
  type Payload,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import type { ConnectionConfig } from '../config.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { describeProposals } from '../errors/describe-offer.ts';
import { malformedFromPeer, otherNotify, versionRefused } from '../errors/failures.ts';
import { inconsistentAnswer, ourProposalsRefused, ppkNotUsed } from '../errors/offer-failures.ts';
import type { SessionFailure } from '../events.ts';
import { natDetectionNotifies } from '../nat/nat-detection.ts';
import { additionalMethods, hasAdditional } from '../negotiate/additional-key-exchanges.ts';
import { isConsistentAnswer, offerProposals } from '../negotiate/proposals.ts';
import { findErrorNotify, findPayload } from '../payloads/find-payload.ts';
import { announcePpk } from '../ppk/ppk-use.ts';
import { hashNotifies } from '../proof/peer-wishes.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { InitOffer, StateOf } from '../session/session-state.ts';

/** The key exchange methods of a connection's proposals, in order of preference. */
export function keyExchangeMethods(connection: Pick<ConnectionConfig, 'proposals'>): number[] {
  const methods = connection.proposals.flatMap(({ transforms }) =>
    transforms.filter(({ type }) => type === TransformType.KE).map(({ id }) => id),
  );
  return [...new Set(methods)];
}

/** The payloads of an IKE_SA_INIT request. @see RFC 7296 §1.2, §2.6, §2.23, RFC 7383 §2.3 */
export function initPayloads(
  context: EndpointContext,
  session: IkeSession,
  offer: InitOffer,
  secret: KeyExchangeSecret,
): Payload[] {
  const proposals = session.connection?.proposals ?? [];
  const spis = { initiatorSpi: offer.initiatorSpi, responderSpi: 0n };
  const payloads: Payload[] = [
    { type: 'SA', proposals: offerProposals(proposals, ProtocolId.IKE, new Uint8Array(0)) },
    { type: 'KE', method: secret.method, data: secret.publicValue },
    { type: 'Nonce', data: offer.nonce },
    ...natDetectionNotifies(context.crypto, spis, session.path),
  ];
  if (session.connection?.fragmentation !== 'no') {
    payloads.push(notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED));
  }
  // RFC 9370 §2.2.1: whoever proposes additional key exchanges MUST announce what they run in.
  if (proposals.some(hasAdditional)) {
    payloads.push(notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED));
  }
  if (session.connection) payloads.push(...hashNotifies([session.connection]));
  payloads.push(...announcePpk(session.connection));
  // RFC 7296 §2.6: the cookie MUST be the first payload.
  return offer.cookie ? [notify(NotifyType.COOKIE, offer.cookie), ...payloads] : payloads;
}

/** Why a response is none that we can go on with, or `undefined`. */
export function initFailure(
  session: IkeSession,
  state: StateOf<'awaiting-init-response'>,
  { header, payloads }: IkeMessage,
): SessionFailure | undefined {
  const connection = session.connection;
  const offered = offerProposals(connection?.proposals ?? [], ProtocolId.IKE, new Uint8Array(0));
  const error = findErrorNotify(payloads);
  if (error?.notify === NotifyType.NO_PROPOSAL_CHOSEN)
    return ourProposalsRefused(offered, 'IKE SA');
  if (error?.notify === NotifyType.INVALID_MAJOR_VERSION) return versionRefused(error.data[0]);
  if (error) {
    return otherNotify(error.notify, `IKE_SA_INIT (${describeProposals(offered)})`);
  }
  const sa = findPayload(payloads, 'SA');
  const ke = findPayload(payloads, 'KE');
  const nonce = findPayload(payloads, 'Nonce');
  if (!sa || !ke || !nonce || header.responderSpi === 0n) {
    return malformedFromPeer('IKE_SA_INIT response', 'it lacks SA, KE, Nonce or an SPI');
  }
  // RFC 7296 §2.10: between 16 and 256 bytes.
  if (nonce.data.length < 16 || nonce.data.length > 256) {
    return malformedFromPeer('IKE_SA_INIT response', `its nonce has ${nonce.data.length} bytes`);
  }
  // RFC 7296 §3.3.6: the initiator MUST check that the accepted offer is consistent with one of its proposals.
  if (!isConsistentAnswer(sa.proposals, offered)) {
    return inconsistentAnswer(describeProposals(sa.proposals), describeProposals(offered));
  }
  const transforms = sa.proposals[0]?.transforms ?? [];
  const takesIntermediate = findNotify(payloads, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED);
  // RFC 9370 §2.2.1: what has no exchange to run in counts as unknown, and the proposal as not chosen.
  if (additionalMethods(transforms).length > 0 && !takesIntermediate) {
    const what = 'additional key exchanges without IKE_INTERMEDIATE to run them in';
    return inconsistentAnswer(what, 'both');
  }
  // RFC 8784 §3: then the initiator MUST abort; §6: not at once, a better answer may come.
  if (connection?.ppk?.required && !findNotify(payloads, NotifyType.USE_PPK)) {
    return ppkNotUsed(connection.name);
  }
  const chosen = transforms.find(({ type }) => type === TransformType.KE)?.id;
  if (chosen !== state.offer.method || ke.method !== state.offer.method) {
    return inconsistentAnswer('another key exchange than that of our KE payload', 'one method');
  }
  return undefined;
}
