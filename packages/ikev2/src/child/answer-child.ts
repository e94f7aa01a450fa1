import type { KeyMaterial } from '@ipsec-kit/crypto';
import {
  findNotify,
  NotifyType,
  type Payload,
  type Proposal,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import type { ChildConfig, ConfiguredProposal, ConnectionConfig } from '../config.ts';
import { type EndpointContext, reserveChildSpi } from '../endpoint/endpoint-context.ts';
import type { Lease, TransportAddresses } from '../endpoint-io.ts';
import { noProposalForPeer } from '../errors/offer-failures.ts';
import { addressTaken, selectorsNotConfigured } from '../errors/selector-failures.ts';
import type { ProtocolError } from '../errors/wire-answer.ts';
import type { SessionFailure } from '../events.ts';
import { deriveChildKeys } from '../keys/child-keys.ts';
import { cipherSuiteOf } from '../keys/ike-suite.ts';
import {
  chooseProposal,
  firstChildProposals,
  isExtended,
  offerProposals,
} from '../negotiate/proposals.ts';
import {
  isWithinOffer,
  type NarrowedSelectors,
  narrowOffer,
  readSelectors,
  resolveSelectors,
} from '../negotiate/selectors.ts';
import {
  hostSelectors,
  substituteAddresses,
  type TransportOffer,
} from '../negotiate/transport-mode.ts';
import { findPayload } from '../payloads/find-payload.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { InitTranscript } from '../session/session-state.ts';
import { modeNotifies, readChildSpi, spiBytes } from './child-offer.ts';
import { type NegotiatedChild, takesTfc } from './negotiated-child.ts';
import { isTakenByOther } from './transport-conflict.ts';

/** What the responder makes of an offer: a Child SA and the payloads that say so, or an error for the wire. */
export type ChildAnswer =
  | { readonly ok: true; readonly child: NegotiatedChild; readonly payloads: readonly Payload[] }
  | {
      readonly ok: false;
      readonly error: ProtocolError;
      readonly failure: SessionFailure;
      readonly name: string;
    };

/** A child of the configuration, a proposal and selectors that both sides accept; or what to answer instead. */
export type ChosenChild =
  | {
      readonly ok: true;
      readonly config: ChildConfig;
      readonly selectors: NarrowedSelectors;
      readonly proposal: Proposal;
      readonly outboundSpi: number;
      readonly peerTakesTfc: boolean;
      /** There when it is in transport mode. */
      readonly transportAddresses?: TransportAddresses | undefined;
    }
  | (ChildAnswer & { readonly ok: false });

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
  return chosen.ok ? agreeChild(context, sa, connection, chosen, transcript) : chosen;
}

/** A child of the configuration with the selectors and proposals that it may have here. */
export interface ChildCandidate {
  readonly config: ChildConfig;
  readonly proposals: readonly ConfiguredProposal[];
  readonly selectors: NarrowedSelectors;
  /** Those that it may have in transport mode, if it may be in it. */
  readonly transport?: NarrowedSelectors | undefined;
}

/** Chooses among candidates: the first whose selectors overlap with the offer and that has a proposal in common with it.
 * Where the peer asks for transport mode, those that may be in it come first, with the addresses that a NAT has changed
 * replaced; otherwise, and where none fits, it is a tunnel between the addresses that the peer wrote. In either mode those
 * that take the peer's first selectors come before others.
 * @param preferMethod - key exchange method of the KE payload that came.
 * @see RFC 7296 §1.3.1, §2.9, §2.23.1, §3.3.6
 */
export function chooseChild(
  context: EndpointContext,
  session: IkeSession,
  connection: ConnectionConfig,
  candidates: readonly ChildCandidate[],
  payloads: readonly Payload[],
  preferMethod?: number,
): ChosenChild {
  const offered = readOffer(payloads);
  const hosted = findNotify(payloads, NotifyType.USE_TRANSPORT_MODE)
    ? substituteAddresses(transportPath(session), offered)
    : undefined;
  if (hosted) {
    const { proposals, peerTakesTfc } = offered;
    const able = candidates.flatMap(({ transport, ...rest }) =>
      transport ? [{ ...rest, selectors: transport }] : [],
    );
    const { found } = firstFitting(
      context,
      { proposals, peerTakesTfc, ...hosted },
      able,
      preferMethod,
    );
    if (found && isTakenByOther(context, session, found.selectors)) {
      return refuseTaken(session, found.config.name);
    }
    if (found) return { ...found, transportAddresses: hosted.addresses };
  }
  const { found, fitting } = firstFitting(context, offered, candidates, preferMethod);
  return found ?? refuseOffer(connection, offered, fitting);
}

function transportPath({ path, nat }: IkeSession): TransportOffer {
  return { local: path.local.address, remote: path.remote.address, nat };
}

function firstFitting(
  context: EndpointContext,
  offered: ReadOffer,
  candidates: readonly ChildCandidate[],
  preferMethod: number | undefined,
): { readonly found?: ChosenChild & { readonly ok: true }; readonly fitting?: ChildCandidate } {
  let fitting: ChildCandidate | undefined;
  for (const candidate of firstChoicesFirst(offered, candidates)) {
    const selectors = narrowOffer(offered, candidate.selectors);
    if (!selectors) continue;
    fitting ??= candidate;
    const provided = candidate.proposals.filter(({ transforms }) =>
      isProvided(context, transforms),
    );
    const chosen = chooseProposal(offered.proposals, provided, ProtocolId.ESP, preferMethod);
    const outboundSpi = chosen && readChildSpi(chosen.proposal.spi);
    if (!chosen || outboundSpi === undefined) continue;
    const { proposal } = chosen;
    if (!isProvided(context, proposal.transforms)) continue;
    const { config } = candidate;
    const { peerTakesTfc } = offered;
    return { found: { ok: true, config, selectors, proposal, outboundSpi, peerTakesTfc }, fitting };
  }
  return fitting ? { fitting } : {};
}

/** Those that accept the first selectors of both sides go before those that do not: what is narrowed MUST include the
 * first choices where that is allowed. @see RFC 7296 §2.9
 */
function firstChoicesFirst(
  { local, remote }: NarrowedSelectors,
  candidates: readonly ChildCandidate[],
): readonly ChildCandidate[] {
  const takesFirst = ({ selectors }: ChildCandidate): boolean =>
    isWithinOffer(local.slice(0, 1), selectors.local) &&
    isWithinOffer(remote.slice(0, 1), selectors.remote);
  const isOther = (candidate: ChildCandidate): boolean => !takesFirst(candidate);
  return [...candidates.filter(takesFirst), ...candidates.filter(isOther)];
}

function refuseTaken(session: IkeSession, name: string): ChildAnswer & { readonly ok: false } {
  const failure = addressTaken(session.path.remote.address);
  return { ok: false, error: { code: 'ts-unacceptable' }, failure, name };
}

interface ReadOffer extends NarrowedSelectors {
  readonly proposals: readonly Proposal[];
  readonly peerTakesTfc: boolean;
}

/** The peer is the initiator: its TSi is the remote side, its TSr ours. */
function readOffer(payloads: readonly Payload[]): ReadOffer {
  const tsi = findPayload(payloads, 'TSi');
  const tsr = findPayload(payloads, 'TSr');
  return {
    proposals: findPayload(payloads, 'SA')?.proposals ?? [],
    local: tsr ? readSelectors(tsr) : [],
    remote: tsi ? readSelectors(tsi) : [],
    peerTakesTfc: takesTfc(payloads),
  };
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

/** Whether the provider has the cipher of a proposal, whichever of its alternatives the peer takes. */
function isProvided(context: EndpointContext, transforms: Proposal['transforms']): boolean {
  const suite = cipherSuiteOf(transforms);
  return suite !== undefined && context.crypto.cipherShape(suite) !== undefined;
}

/** Makes the Child SA that was chosen, and the payloads that say so.
 * @see RFC 7296 §2.17
 */
export function agreeChild(
  context: EndpointContext,
  sa: IkeSa,
  connection: ConnectionConfig,
  chosen: Omit<ChosenChild & { ok: true }, 'ok'>,
  transcript: Pick<InitTranscript, 'initiatorNonce' | 'responderNonce'>,
): ChildAnswer {
  const promised = promiseChild(context, connection, chosen);
  if (!promised.ok) return promised;
  const { inboundSpi, payloads } = promised;
  const child = keyChild(context, sa, connection, chosen, inboundSpi, transcript);
  return child ? { ok: true, child, payloads } : refuseSuite(connection, chosen);
}

/** What a Child SA is promised with: our SPI, which is taken from now on, and the payloads that say so. */
export type PromisedChild =
  | { readonly ok: true; readonly inboundSpi: number; readonly payloads: readonly Payload[] }
  | (ChildAnswer & { readonly ok: false });

/** Promises the Child SA that was chosen, before its keys are there. */
export function promiseChild(
  context: EndpointContext,
  connection: ConnectionConfig,
  chosen: Omit<ChosenChild & { ok: true }, 'ok'>,
): PromisedChild {
  const { selectors, proposal, transportAddresses } = chosen;
  if (!isProvided(context, proposal.transforms)) return refuseSuite(connection, chosen);
  const inboundSpi = reserveChildSpi(context);
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
): ChildAnswer & { readonly ok: false } {
  const { selectors, proposal, peerTakesTfc } = chosen;
  return refuseOffer(connection, { proposals: [proposal], peerTakesTfc, ...selectors }, chosen);
}

function refuseOffer(
  connection: ConnectionConfig,
  offered: ReadOffer,
  fitting: Pick<ChildCandidate, 'config'> | undefined,
): ChildAnswer & { readonly ok: false } {
  if (!fitting) {
    const failure = selectorsNotConfigured(offered.local, offered.remote, connection);
    const name = connection.children[0]?.name ?? '';
    return { ok: false, error: { code: 'ts-unacceptable' }, failure, name };
  }
  const { config } = fitting;
  const ours = offerProposals(
    firstChildProposals(config.proposals),
    ProtocolId.ESP,
    new Uint8Array(0),
  );
  const failure = noProposalForPeer(offered.proposals, ours, 'Child SA');
  return { ok: false, error: { code: 'no-proposal-chosen' }, failure, name: config.name };
}
