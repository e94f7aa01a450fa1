import {
  findNotify,
  NotifyType,
  type Payload,
  type Proposal,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import type { ChildConfig, ConfiguredProposal, ConnectionConfig } from '../config.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { TransportAddresses } from '../endpoint-work.ts';
import { noProposalForPeer } from '../errors/offer-failures.ts';
import { addressTaken, selectorsNotConfigured } from '../errors/selector-failures.ts';
import type { ProtocolError } from '../errors/wire-answer.ts';
import type { SessionFailure } from '../events.ts';
import { cipherSuiteOf } from '../keys/ike-suite.ts';
import { chooseProposal, firstChildProposals, offerProposals } from '../negotiate/proposals.ts';
import {
  isWithinOffer,
  type NarrowedSelectors,
  narrowOffer,
  readSelectors,
} from '../negotiate/selectors.ts';
import { substituteAddresses, type TransportOffer } from '../negotiate/transport-mode.ts';
import { findPayload } from '../payloads/find-payload.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { readChildSpi } from './child-offer.ts';
import { takesTfc } from './negotiated-child.ts';
import { isTakenByOther } from './transport-conflict.ts';

/** What to answer in place of a Child SA. */
export interface RefusedChild {
  readonly ok: false;
  readonly error: ProtocolError;
  readonly failure: SessionFailure;
  readonly name: string;
}

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
  | RefusedChild;

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

function refuseTaken(session: IkeSession, name: string): RefusedChild {
  const failure = addressTaken(session.path.remote.address);
  return { ok: false, error: { code: 'ts-unacceptable' }, failure, name };
}

/** What the peer offers, seen from here. */
export interface ReadOffer extends NarrowedSelectors {
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

/** Whether the provider has the cipher of a proposal, whichever of its alternatives the peer takes. */
export function isProvided(context: EndpointContext, transforms: Proposal['transforms']): boolean {
  const suite = cipherSuiteOf(transforms);
  return suite !== undefined && context.crypto.cipherShape(suite) !== undefined;
}

/** Says why none of the children that there are takes the offer. */
export function refuseOffer(
  connection: ConnectionConfig,
  offered: ReadOffer,
  fitting: Pick<ChildCandidate, 'config'> | undefined,
): RefusedChild {
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
