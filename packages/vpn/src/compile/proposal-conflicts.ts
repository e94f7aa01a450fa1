import { TransformType } from '@ipsec-kit/crypto';
import type { Transform } from '@ipsec-kit/ikev2-codec';
import { quoted } from './config-problem.ts';
import { isMlKem } from './proposal-keywords.ts';
import type { ProposalParts } from './proposal-parts.ts';

/** What contradicts itself in the key exchanges of a proposal. @see RFC 9370 §2.2.1 */
export function wrongKeyExchanges(parts: ProposalParts, text: string): string | undefined {
  const { KE } = TransformType;
  const first = parts.of(KE);
  const { additional } = parts;
  // Their values do not fit into IKE_SA_INIT, which cannot be fragmented, and alone they would be all that protects.
  if (first.some(({ id }) => isMlKem(id))) {
    return `ML-KEM is too large for the first key exchange: name another one first in ${quoted(text)}, for example "x25519-ke1_mlkem768"`;
  }
  if (additional.length > 0 && first.length === 0) {
    return `the proposal ${quoted(text)} has additional key exchanges and no first one: add one, for example "x25519"`;
  }
  const named = additional.filter(({ id }) => id !== 0);
  const [only] = first;
  if (first.length === 1 && named.some(({ id }) => id === only?.id)) {
    return `the proposal ${quoted(text)} names the first key exchange once more as an additional one, which adds nothing: name another`;
  }
  if (!canDiffer(additional)) {
    return `the additional key exchanges in ${quoted(text)} cannot all be different: give each "keN_" one that no other takes, or "keN_none"`;
  }
  return undefined;
}

/** Whether one of each type can be chosen so that none but NONE is chosen twice. */
function canDiffer(additional: readonly Transform[]): boolean {
  const types = [...new Set(additional.map(({ type }) => type))];
  const rows = types.map((type) => additional.filter((one) => one.type === type));
  const fits = (row: number, taken: readonly number[]): boolean =>
    row === rows.length ||
    (rows[row] ?? []).some(
      ({ id }) => (id === 0 || !taken.includes(id)) && fits(row + 1, [...taken, id]),
    );
  return fits(0, []);
}

/** What is wrong with the cipher of a proposal, and with its integrity. */
export function wrongCipher(parts: ProposalParts, text: string): string | undefined {
  switch (parts.kind) {
    case 'none':
      return `the proposal ${quoted(text)} names no cipher: begin with one, for example "aes256gcm16" or "aes256-sha256"`;
    // RFC 7296 §3.3: an AEAD and a cipher that needs an integrity algorithm do not go into one proposal.
    case 'mixed':
      return `the proposal ${quoted(text)} mixes AEADs with other ciphers: write two proposals, separated by a comma`;
    case 'cipher':
      // RFC 8221 §4: encryption without integrity must not be used.
      return parts.of(TransformType.INTEG).length > 0
        ? undefined
        : `the proposal ${quoted(text)} names no integrity algorithm: add one, for example "sha256"`;
    case 'aead':
      return undefined;
  }
}
