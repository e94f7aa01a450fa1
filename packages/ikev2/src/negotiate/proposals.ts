import { Integ, TransformType } from '@ipsec-kit/crypto';
import type { Proposal, Transform } from '@ipsec-kit/ikev2-codec';
import type { ConfiguredProposal } from '../config.ts';
import { chooseAdditional, isAdditional } from './additional-key-exchanges.ts';

/** One transform of each type, chosen from an offer. */
export interface ChosenProposal {
  /** Number and SPI are those of the offer, so that it can be answered as it stands. */
  readonly proposal: Proposal;
  readonly configured: ConfiguredProposal;
}

/** Most transforms that one configured proposal sends; the count in the payload is one byte. @see RFC 7296 §3.3.1 */
const MAX_PROPOSALS = 255;
/** The value 0 of the registry of key exchange methods: none. */
const KE_NONE = 0;
/** Sequence numbers of 64 bits, of which 32 are sent. */
const EXTENDED = 1;

/** The SA payload's proposals for an offer: numbered from 1, with the same SPI in each.
 * @param spi - empty in IKE_SA_INIT, 4 bytes for ESP.
 * @see RFC 7296 §3.3.1
 */
export function offerProposals(
  configured: readonly ConfiguredProposal[],
  protocol: number,
  spi: Uint8Array,
): Proposal[] {
  return configured.slice(0, MAX_PROPOSALS).map(({ transforms }, index) => ({
    number: index + 1,
    protocol,
    spi,
    transforms,
  }));
}

/** Proposals for a Child SA that IKE_AUTH opens: no key exchange of its own (its keys come from the IKE SA's),
 * and a statement about sequence numbers, which is mandatory.
 * @see RFC 7296 §1.2, §3.3.3
 */
export function firstChildProposals(
  configured: readonly ConfiguredProposal[],
): ConfiguredProposal[] {
  return configured.map(({ transforms }) => {
    const kept = transforms.filter(({ type }) => type !== TransformType.KE && !isAdditional(type));
    const hasEsn = kept.some((transform) => transform.type === TransformType.ESN);
    return { transforms: hasEsn ? kept : [...kept, { type: TransformType.ESN, id: 0 }] };
  });
}

/** Proposals for a Child SA that CREATE_CHILD_SA opens: with a key exchange of its own where one is configured.
 * @see RFC 7296 §1.3.1, §3.3.3
 */
export function furtherChildProposals(
  configured: readonly ConfiguredProposal[],
): ConfiguredProposal[] {
  return configured.map(({ transforms }) => {
    const hasEsn = transforms.some((transform) => transform.type === TransformType.ESN);
    return {
      transforms: hasEsn ? transforms : [...transforms, { type: TransformType.ESN, id: 0 }],
    };
  });
}

/** The key exchange methods of proposals, in order of preference, without NONE. */
export function methodsOf(configured: readonly ConfiguredProposal[]): number[] {
  const methods = configured.flatMap(({ transforms }) =>
    transforms.filter(({ type, id }) => type === TransformType.KE && id !== 0).map(({ id }) => id),
  );
  return [...new Set(methods)];
}

/** The key exchange method of a chosen proposal; `undefined` when it has none. @see RFC 7296 §3.3.2 (NONE is 0) */
export function chosenMethod(transforms: readonly Transform[]): number | undefined {
  return transforms.find(({ type, id }) => type === TransformType.KE && id !== 0)?.id;
}

/** Whether chosen transforms make extended sequence numbers of an SA. @see RFC 7296 §3.3.2, RFC 9827 §5 */
export function isExtended(transforms: readonly Transform[]): boolean {
  return transforms.some(({ type, id }) => type === TransformType.ESN && id === EXTENDED);
}

/** Chooses from an offer: the first configured proposal that the offer can meet, in our order of preference, and in it
 * our first transform of each type.
 * @param preferMethod - a key exchange method that is taken where both sides allow it: that of the KE payload,
 * so that no round trip is lost on INVALID_KE_PAYLOAD.
 * @returns `undefined` when no proposal is acceptable.
 * @see RFC 7296 §2.7, §3.3.6
 */
export function chooseProposal(
  offered: readonly Proposal[],
  configured: readonly ConfiguredProposal[],
  protocol: number,
  preferMethod?: number,
): ChosenProposal | undefined {
  for (const own of configured) {
    for (const offer of offered) {
      if (offer.protocol !== protocol) continue;
      const transforms = matchTransforms(offer.transforms, own.transforms, preferMethod);
      if (transforms) return { proposal: { ...offer, transforms }, configured: own };
    }
  }
  return undefined;
}

/** Whether an answer is one of the offered proposals: one transform of each of its types, and nothing else.
 * @see RFC 7296 §3.3.6 (the initiator MUST check that the accepted offer is consistent with one of its proposals)
 */
export function isConsistentAnswer(
  answer: readonly Proposal[],
  offered: readonly Proposal[],
): boolean {
  const [chosen, ...more] = answer;
  if (!chosen || more.length > 0) return false;
  const offer = offered.find(
    (candidate) => candidate.number === chosen.number && candidate.protocol === chosen.protocol,
  );
  if (!offer) return false;
  const types = chosen.transforms.map((transform) => transform.type);
  if (new Set(types).size !== types.length) return false;
  return matchTransforms(chosen.transforms, offer.transforms, undefined) !== undefined;
}

function matchTransforms(
  offered: readonly Transform[],
  own: readonly Transform[],
  preferMethod: number | undefined,
): Transform[] | undefined {
  const chosen: Transform[] = [];
  for (const type of new Set(own.map((transform) => transform.type))) {
    if (isAdditional(type)) continue;
    const wanted = own.filter((transform) => transform.type === type);
    const theirs = offered.filter((transform) => transform.type === type);
    const common = wanted.filter((transform) =>
      theirs.some((other) => sameTransform(transform, other)),
    );
    const preferred =
      type === TransformType.KE
        ? common.find((transform) => transform.id === preferMethod)
        : undefined;
    const match = preferred ?? common[0];
    if (match) {
      chosen.push(match);
      continue;
    }
    // RFC 7296 §3.3.3: an AEAD may come with INTEG NONE or with no INTEG at all.
    if (!(theirs.length === 0 && wanted.some(isNoIntegrity))) return undefined;
  }
  // RFC 7296 §3.3.6: a type that we do not know (or did not configure) makes the proposal unacceptable.
  for (const transform of offered) {
    if (isAdditional(transform.type)) continue;
    if (own.some((known) => known.type === transform.type)) continue;
    const none = offered.find((other) => other.type === transform.type && isNone(other));
    if (!none) return undefined;
    if (!chosen.some((other) => other.type === transform.type)) chosen.push(none);
  }
  const additional = chooseAdditional(offered, own, sameTransform);
  if (!additional) return undefined;
  // RFC 9370 §2.2.4: additional ones go along with a first, never alone.
  const isAlone = chosenMethod(chosen) === undefined && additional.some(({ id }) => id !== KE_NONE);
  return isAlone ? undefined : [...chosen, ...additional];
}

/** Whether two transforms are the same algorithm; one with an unknown attribute is never acceptable. @see RFC 7296 §3.3.6 */
function sameTransform(a: Transform, b: Transform): boolean {
  const unknown = (a.unknownAttributes?.length ?? 0) + (b.unknownAttributes?.length ?? 0);
  return unknown === 0 && a.type === b.type && a.id === b.id && a.keyBits === b.keyBits;
}

/** Whether a transform says that its type is not needed: INTEG beside an AEAD, and a key exchange in IKE_AUTH, where some
 * peers write NONE instead of leaving it out. @see RFC 7296 §1.2, §3.3.6
 */
function isNone(transform: Transform): boolean {
  const isKeyExchange = transform.type === TransformType.KE && transform.id === KE_NONE;
  return isKeyExchange || isNoIntegrity(transform);
}

function isNoIntegrity(transform: Transform): boolean {
  return transform.type === TransformType.INTEG && transform.id === Integ.NONE;
}
