import type { Proposal, Transform } from '../message.ts';
import { protocolIdName } from '../registries/protocol-id.ts';
import { transformIdName, transformTypeName } from '../registries/transform-type.ts';

/** The text of a transform: `ENCR_AES_CBC_256`, `PRF_HMAC_SHA2_256`, `CURVE25519`; an unknown one with its type,
 * `KE unknown(1042)`; one with attributes that are not known ends in `+`.
 */
export function formatTransform(transform: Transform): string {
  const name = transformIdName(transform.type, transform.id);
  const isNamed = !name.startsWith('unknown') && name !== 'NONE';
  const text = isNamed ? name : `${transformTypeName(transform.type)} ${name}`;
  const keyBits = transform.keyBits === undefined ? '' : `_${transform.keyBits}`;
  return `${text}${keyBits}${transform.unknownAttributes ? '+' : ''}`;
}

/** The text of a proposal: `ESP:ENCR_AES_GCM_16_256/SEQUENTIAL_32`. */
export function formatProposal(proposal: Pick<Proposal, 'protocol' | 'transforms'>): string {
  const transforms = proposal.transforms.map(formatTransform).join('/');
  return `${protocolIdName(proposal.protocol)}:${transforms}`;
}
