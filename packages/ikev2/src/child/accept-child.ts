import type { KeyMaterial } from '@ipsec-kit/crypto';
import { findNotify, NotifyType, type Payload } from '@ipsec-kit/ikev2-codec';
import type { ConnectionConfig } from '../config.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { describeProposals, describeSelectors } from '../errors/describe-offer.ts';
import { malformedFromPeer, otherNotify } from '../errors/failures.ts';
import {
  inconsistentAnswer,
  ourProposalsRefused,
  ourTransportOfferRefused,
} from '../errors/offer-failures.ts';
import { selectorsRefused } from '../errors/selector-failures.ts';
import type { SessionFailure } from '../events.ts';
import { deriveChildKeys } from '../keys/child-keys.ts';
import { cipherSuiteOf } from '../keys/ike-suite.ts';
import { isConsistentAnswer, isExtended } from '../negotiate/proposals.ts';
import { isWithinOffer, readSelectors } from '../negotiate/selectors.ts';
import { substituteAddresses, type TransportSelectors } from '../negotiate/transport-mode.ts';
import { findErrorNotify, findPayload } from '../payloads/find-payload.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { InitTranscript } from '../session/session-state.ts';
import { type ChildOffer, readChildSpi } from './child-offer.ts';
import { type NegotiatedChild, takesTfc } from './negotiated-child.ts';

/** A Child SA, or why there is none. */
export type ChildResult =
  | { readonly ok: true; readonly child: NegotiatedChild }
  | { readonly ok: false; readonly failure: SessionFailure };

/** What the initiator makes of the answer to its offer of a Child SA, in IKE_AUTH or in CREATE_CHILD_SA.
 * @param secrets - of key exchanges of its own; erased.
 * @see RFC 7296 §1.2, §2.9 (narrowing), §3.3.6 (consistency), §2.17 (keys), §2.23.1 (transport mode)
 */
export function acceptChild(
  context: EndpointContext,
  sa: IkeSa,
  connection: ConnectionConfig,
  offer: ChildOffer,
  inboundSpi: number,
  transcript: Pick<InitTranscript, 'initiatorNonce' | 'responderNonce'>,
  payloads: readonly Payload[],
  secrets: readonly KeyMaterial[] = [],
): ChildResult {
  const error = findErrorNotify(payloads);
  if (error) return refused(refusalOf(error.notify, offer));
  const answer = findPayload(payloads, 'SA');
  const tsi = findPayload(payloads, 'TSi');
  const tsr = findPayload(payloads, 'TSr');
  if (!answer || !tsi || !tsr) return refused(malformed('it lacks SA, TSi or TSr'));
  if (!isConsistentAnswer(answer.proposals, offer.proposals)) {
    const chosen = describeProposals(answer.proposals);
    return refused(inconsistentAnswer(chosen, describeProposals(offer.proposals)));
  }
  const proposal = answer.proposals[0];
  const outboundSpi = proposal && readChildSpi(proposal.spi);
  if (!proposal || outboundSpi === undefined) return refused(malformed('its ESP SPI is not valid'));
  const answered = { local: readSelectors(tsi), remote: readSelectors(tsr) };
  let transport: TransportSelectors | undefined;
  // Without the notification it is a tunnel, which we take, as strongSwan does. RFC 7296 §1.3.1
  if (findNotify(payloads, NotifyType.USE_TRANSPORT_MODE)) {
    if (!offer.transport) return refused(inconsistentAnswer('transport mode', 'tunnel mode'));
    transport = substituteAddresses(offer.transport, answered);
    if (!transport) {
      return refused(inconsistentAnswer('transport mode for others', 'between the two of us'));
    }
  }
  const { local, remote } = transport ?? answered;
  if (!isWithinOffer(local, offer.local) || !isWithinOffer(remote, offer.remote)) {
    return refused(inconsistentAnswer('traffic selectors outside our offer', 'narrower ones'));
  }
  const suite = cipherSuiteOf(proposal.transforms);
  const shape = suite && context.crypto.cipherShape(suite);
  if (!suite || !shape) {
    return refused(inconsistentAnswer(describeProposals([proposal]), 'algorithms that we have'));
  }
  const keys = deriveChildKeys(
    context.crypto,
    sa.suite.prf,
    sa.keys.skD,
    { initiator: transcript.initiatorNonce, responder: transcript.responderNonce },
    shape,
    secrets,
  );
  const id = context.nextChildId;
  context.nextChildId += 1;
  return {
    ok: true,
    child: {
      id,
      connection,
      config: offer.config,
      suite,
      inboundSpi,
      outboundSpi,
      inboundKeys: keys.fromResponder,
      outboundKeys: keys.fromInitiator,
      localSelectors: local,
      remoteSelectors: remote,
      esn: isExtended(proposal.transforms),
      peerTakesTfc: takesTfc(payloads),
      ...(transport ? { transportAddresses: transport.addresses } : {}),
    },
  };
}

/** The failure that an error answer to an offer is. */
export function refusalOf(notify: number, offer: ChildOffer): SessionFailure {
  switch (notify) {
    case NotifyType.NO_PROPOSAL_CHOSEN:
      return offer.transport
        ? ourTransportOfferRefused(offer.proposals)
        : ourProposalsRefused(offer.proposals, 'Child SA');
    case NotifyType.TS_UNACCEPTABLE:
      return selectorsRefused(offer.local, offer.remote);
    default:
      return otherNotify(notify, `the request for a Child SA (${describeOffer(offer)})`);
  }
}

function describeOffer({ proposals, local, remote }: ChildOffer): string {
  return `${describeProposals(proposals)}; ${describeSelectors(local)} here, ${describeSelectors(remote)} there`;
}

function malformed(detail: string): SessionFailure {
  return malformedFromPeer('answer for the Child SA', detail);
}

function refused(failure: SessionFailure): ChildResult {
  return { ok: false, failure };
}
