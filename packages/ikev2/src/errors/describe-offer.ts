import { type Proposal, transformIdName } from '@ipsec-kit/ikev2-codec';
import { formatSelector, type TrafficSelector } from '@ipsec-kit/ip';

/** Most proposals and transforms that a sentence names. */
const MAX_NAMED = 6;

/** Proposals for people: `ENCR_AES_CBC-256 PRF_HMAC_SHA2_256 ... or ...`. */
export function describeProposals(proposals: readonly Pick<Proposal, 'transforms'>[]): string {
  const named = proposals.slice(0, MAX_NAMED).map(({ transforms }) =>
    transforms
      .slice(0, 2 * MAX_NAMED)
      .map(({ type, id, keyBits }) => {
        const name = transformIdName(type, id);
        return keyBits === undefined ? name : `${name}-${keyBits}`;
      })
      .join(' '),
  );
  return named.join(' or ') || 'nothing';
}

/** The first selectors of a list, as people read them. */
export function describeSelectors(selectors: readonly TrafficSelector[]): string {
  return selectors.slice(0, 8).map(formatSelector).join(', ') || 'nothing';
}
