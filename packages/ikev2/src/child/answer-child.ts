import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { Payload } from '@ipsec-kit/ikev2-codec';
import type { ChildConfig, ConnectionConfig } from '../config.ts';
import { type EndpointContext, reserveChildSpi } from '../endpoint/endpoint-context.ts';
import type { Lease } from '../endpoint-work.ts';
import { deriveChildKeys } from '../keys/child-keys.ts';
import { cipherSuiteOf } from '../keys/ike-suite.ts';
import { firstChildProposals, isExtended } from '../negotiate/proposals.ts';
import { type NarrowedSelectors, resolveSelectors } from '../negotiate/selectors.ts';
import { hostSelectors } from '../negotiate/transport-mode.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { InitTranscript } from '../session/session-state.ts';
import { modeNotifies, spiBytes } from './child-offer.ts';
import {
  type ChosenChild,
  chooseChild,
  isProvided,
  type RefusedChild,
  refuseOffer,
} from './choose-child.ts';
import type { NegotiatedChild } from './negotiated-child.ts';

/** What the responder makes of an offer: a Child SA and the payloads that say so, or an error for the wire. */
export type ChildAnswer =
  | { readonly ok: true; readonly child: NegotiatedChild; readonly payloads: readonly Payload[] }
  | RefusedChild;

/** Chooses among the children of a connection: the first whose selectors overlap with the offer and that has
 * a proposal in common with it. Selectors are narrowed; `dynamic` ones of the peer are its leased addresses,
 * or the address that it has.
 * @see RFC 7296 §2.9, §3.3.6, §2.17
 */
export function answerFirstChild(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  connection: ConnectionConfig,
  lease: Lease | undefined,
  transcript: Pick<InitTranscript, 'initiatorNonce' | 'responderNonce'>,
  payloads: readonly Payload[],
): ChildAnswer {
  const candidates = connection.children.map((config) => ({
    config,
    proposals: firstChildProposals(config.proposals),
    selectors: configuredSelectors(session, config, lease),
    transport:
      config.mode === 'transport'
        ? hostSelectors(config.localSelectors, config.remoteSelectors, session.path)
        : undefined,
  }));
  const chosen = chooseChild(context, session, connection, candidates, payloads);
  return chosen.ok ? agreeChild(context, session, sa, connection, chosen, transcript) : chosen;
}

function configuredSelectors(
  session: IkeSession,
  config: ChildConfig,
  lease: Lease | undefined,
): NarrowedSelectors {
  const leased = lease?.addresses.map(({ address }) => address) ?? [];
  const peer = leased.length > 0 ? leased : [session.path.remote.address];
  return {
    local: resolveSelectors(config.localSelectors, [session.path.local.address]),
    remote: resolveSelectors(config.remoteSelectors, peer),
  };
}

/** Makes the Child SA that was chosen, and the payloads that say so.
 * @see RFC 7296 §2.17
 */
export function agreeChild(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  connection: ConnectionConfig,
  chosen: Omit<ChosenChild & { ok: true }, 'ok'>,
  transcript: Pick<InitTranscript, 'initiatorNonce' | 'responderNonce'>,
): ChildAnswer {
  const promised = promiseChild(context, session, connection, chosen);
  if (!promised.ok) return promised;
  const { inboundSpi, payloads } = promised;
  const child = keyChild(context, sa, connection, chosen, inboundSpi, transcript);
  return child ? { ok: true, child, payloads } : refuseSuite(connection, chosen);
}

/** What a Child SA is promised with: our SPI, which is taken from now on, and the payloads that say so. */
export type PromisedChild =
  | { readonly ok: true; readonly inboundSpi: number; readonly payloads: readonly Payload[] }
  | RefusedChild;

/** Promises the Child SA that was chosen, before its keys are there. */
export function promiseChild(
  context: EndpointContext,
  session: IkeSession,
  connection: ConnectionConfig,
  chosen: Omit<ChosenChild & { ok: true }, 'ok'>,
): PromisedChild {
  const { selectors, proposal, transportAddresses } = chosen;
  if (!isProvided(context, proposal.transforms)) return refuseSuite(connection, chosen);
  const inboundSpi = reserveChildSpi(context, session);
  const payloads: Payload[] = [
    ...modeNotifies(transportAddresses),
    { type: 'SA', proposals: [{ ...proposal, spi: spiBytes(inboundSpi) }] },
    { type: 'TSi', selectors: selectors.remote },
    { type: 'TSr', selectors: selectors.local },
  ];
  return { ok: true, inboundSpi, payloads };
}

/** Makes the keys of a Child SA that was promised.
 * @param secrets - of key exchanges of its own; erased.
 * @returns `undefined` when the provider lacks an algorithm.
 * @see RFC 7296 §2.17, RFC 9370 §2.2.4
 */
export function keyChild(
  context: EndpointContext,
  sa: IkeSa,
  connection: ConnectionConfig,
  chosen: Omit<ChosenChild & { ok: true }, 'ok'>,
  inboundSpi: number,
  transcript: Pick<InitTranscript, 'initiatorNonce' | 'responderNonce'>,
  secrets: readonly KeyMaterial[] = [],
): NegotiatedChild | undefined {
  const { config, selectors, proposal, outboundSpi, peerTakesTfc, transportAddresses } = chosen;
  const suite = cipherSuiteOf(proposal.transforms);
  const shape = suite && context.crypto.cipherShape(suite);
  if (!suite || !shape) return undefined;
  const nonces = { initiator: transcript.initiatorNonce, responder: transcript.responderNonce };
  const { skD } = sa.keys;
  const keys = deriveChildKeys(context.crypto, sa.suite.prf, skD, nonces, shape, secrets);
  const id = context.nextChildId;
  context.nextChildId += 1;
  return {
    id,
    connection,
    config,
    suite,
    inboundSpi,
    outboundSpi,
    inboundKeys: keys.fromInitiator,
    outboundKeys: keys.fromResponder,
    localSelectors: selectors.local,
    remoteSelectors: selectors.remote,
    esn: isExtended(proposal.transforms),
    peerTakesTfc,
    ...(transportAddresses ? { transportAddresses } : {}),
  };
}

function refuseSuite(
  connection: ConnectionConfig,
  chosen: Omit<ChosenChild & { ok: true }, 'ok'>,
): RefusedChild {
  const { selectors, proposal, peerTakesTfc } = chosen;
  return refuseOffer(connection, { proposals: [proposal], peerTakesTfc, ...selectors }, chosen);
}
