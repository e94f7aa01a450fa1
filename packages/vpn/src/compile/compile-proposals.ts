import { Integ, Prf, TransformType } from '@ipsec-kit/crypto';
import type { ConfiguredProposal } from '@ipsec-kit/ikev2';
import type { Transform } from '@ipsec-kit/ikev2-codec';
import { quoted } from './config-problem.ts';
import { nearestName } from './nearest-name.ts';
import type { OptionChecks } from './option-checks.ts';
import {
  algorithmOf,
  isAdditional,
  isImplicitIv,
  isMlKem,
  isUnsupportedKeyword,
  proposalKeywords,
} from './proposal-keywords.ts';

/** What `default` stands for in `proposals`, best first: AEADs, then CBC with HMAC.
 * @see RFC 8247 §2 (what must and should be there; SHA-1 is left to those who name it)
 */
export const DEFAULT_IKE_PROPOSALS: readonly string[] = [
  'aes256gcm16-aes128gcm16-chacha20poly1305-prfsha256-prfsha384-prfsha512-x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048',
  'aes256-aes128-sha256-sha384-sha512-prfsha256-prfsha384-prfsha512-x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048',
];

/** What `default` stands for in `esp_proposals`. @see RFC 8221 §5 and §6 */
export const DEFAULT_ESP_PROPOSALS: readonly string[] = [
  'aes256gcm16-aes128gcm16-chacha20poly1305',
  'aes256-aes128-sha256-sha384-sha512',
];

const MAX_PROPOSALS = 32;
const MAX_KEYWORDS = 64;

const prfOfIntegrity: ReadonlyMap<number, number> = new Map([
  [Integ.AUTH_HMAC_SHA1_96, Prf.PRF_HMAC_SHA1],
  [Integ.AUTH_HMAC_SHA2_256_128, Prf.PRF_HMAC_SHA2_256],
  [Integ.AUTH_HMAC_SHA2_384_192, Prf.PRF_HMAC_SHA2_384],
  [Integ.AUTH_HMAC_SHA2_512_256, Prf.PRF_HMAC_SHA2_512],
]);

/** Compiles the proposals of an IKE SA or a Child SA from strongSwan's spelling; none given is `default`.
 * Key exchange methods of ESP stay in: whoever opens the first Child SA leaves them out, since it makes no key
 * exchange of its own (RFC 7296 §1.2).
 */
export function compileProposals(
  checks: OptionChecks,
  path: string,
  texts: readonly string[],
  protocol: 'ike' | 'esp',
): readonly ConfiguredProposal[] {
  const defaults = protocol === 'ike' ? DEFAULT_IKE_PROPOSALS : DEFAULT_ESP_PROPOSALS;
  if (texts.length > MAX_PROPOSALS) {
    checks.problem('invalid-value', path, `at most ${MAX_PROPOSALS} proposals are offered`);
    return [];
  }
  const given = texts.length === 0 ? ['default'] : texts;
  return given.flatMap((text, index) => {
    const spelled = text.trim().toLowerCase() === 'default' ? defaults : [text];
    return spelled.flatMap((one) => {
      const result = compileProposal(one, protocol);
      if ('transforms' in result) return [result];
      checks.problem(result.code, `${path}[${index}]`, result.sentence);
      return [];
    });
  });
}

/** Whether a proposal may end in extended sequence numbers. */
export function isExtended(transforms: readonly Transform[]): boolean {
  return transforms.some(({ type, id }) => type === TransformType.ESN && id === 1);
}

interface Wrong {
  readonly code: 'invalid-value' | 'not-supported';
  readonly sentence: string;
}

function wrong(sentence: string): Wrong {
  return { code: 'invalid-value', sentence };
}

function compileProposal(text: string, protocol: 'ike' | 'esp'): ConfiguredProposal | Wrong {
  const parts = new Parts();
  const keywords = text.trim().toLowerCase().split('-');
  if (keywords.length > MAX_KEYWORDS) {
    return wrong(`a proposal has at most ${MAX_KEYWORDS} algorithms`);
  }
  for (const keyword of keywords) {
    const problem = parts.add(keyword, text);
    if (problem) return problem;
  }
  return protocol === 'ike' ? completeIke(parts, text) : completeEsp(parts, text);
}

/** The transforms of one proposal by type, each once, in the order given. */
class Parts {
  readonly #transforms: Transform[] = [];
  #aeads = 0;
  #ciphers = 0;

  /** @returns what is wrong with the keyword, if anything. */
  add(keyword: string, text: string): Wrong | undefined {
    const algorithm = algorithmOf(keyword);
    if (!algorithm) return unknownKeyword(keyword, text);
    const { transform } = algorithm;
    const same = (one: Transform): boolean =>
      one.type === transform.type && one.id === transform.id && one.keyBits === transform.keyBits;
    if (this.#transforms.some(same)) return undefined;
    this.#transforms.push(transform);
    if (algorithm.aead) this.#aeads += 1;
    else if (transform.type === TransformType.ENCR) this.#ciphers += 1;
    return undefined;
  }

  of(type: number): readonly Transform[] {
    return this.#transforms.filter((one) => one.type === type);
  }

  /** Additional key exchanges, in the order in which they are performed. */
  get additional(): readonly Transform[] {
    return this.#transforms.filter(isAdditional).toSorted((a, b) => a.type - b.type);
  }

  get kind(): 'none' | 'aead' | 'cipher' | 'mixed' {
    if (this.#aeads === 0) return this.#ciphers === 0 ? 'none' : 'cipher';
    return this.#ciphers === 0 ? 'aead' : 'mixed';
  }
}

function completeIke(parts: Parts, text: string): ConfiguredProposal | Wrong {
  const misfit = wrongCipher(parts, text);
  if (misfit !== undefined) return wrong(misfit);
  const { ENCR, PRF, INTEG, KE } = TransformType;
  const integrity = parts.of(INTEG);
  // Without a PRF the hashes of the integrity algorithms serve, as strongSwan has it.
  const prfs = parts.of(PRF).length > 0 ? parts.of(PRF) : integrity.flatMap(prfLike);
  if (prfs.length === 0) {
    return wrong(
      `the proposal ${quoted(text)} names no PRF: add one, for example ${quoted(suggestPrf(text))}`,
    );
  }
  if (parts.of(KE).length === 0) {
    return wrong(
      `the proposal ${quoted(text)} names no key exchange: add one, for example ${quoted(`${text.trim()}-x25519`)}`,
    );
  }
  if (parts.of(TransformType.ESN).length > 0) {
    return wrong(
      `"esn" and "noesn" are for ESP, not for the IKE SA: leave them out in ${quoted(text)}`,
    );
  }
  if (parts.of(ENCR).some(({ id }) => isImplicitIv(id))) {
    // RFC 8750 §7: nothing in a header of IKE is unique to its message.
    return wrong(
      `ciphers with an implicit IV are for ESP, not for the IKE SA: leave "iiv" out in ${quoted(text)}`,
    );
  }
  const contradiction = wrongKeyExchanges(parts, text);
  if (contradiction !== undefined) return wrong(contradiction);
  const own = parts.kind === 'aead' ? [] : integrity;
  return {
    transforms: [...parts.of(ENCR), ...prfs, ...own, ...parts.of(KE), ...parts.additional],
  };
}

function completeEsp(parts: Parts, text: string): ConfiguredProposal | Wrong {
  const misfit = wrongCipher(parts, text);
  if (misfit !== undefined) return wrong(misfit);
  const { ENCR, PRF, INTEG, KE, ESN } = TransformType;
  if (parts.of(PRF).length > 0) {
    return wrong(`ESP has no PRF: leave it out in ${quoted(text)}`);
  }
  const contradiction = wrongKeyExchanges(parts, text);
  if (contradiction !== undefined) return wrong(contradiction);
  const own = parts.kind === 'aead' ? [] : parts.of(INTEG);
  // Extended sequence numbers are for those who ask for them: nobody else needs 2^32 packets before the next rekey.
  const numbers = parts.of(ESN).length > 0 ? parts.of(ESN) : [{ type: ESN, id: 0 }];
  const exchanges = [...parts.of(KE), ...parts.additional];
  return { transforms: [...parts.of(ENCR), ...own, ...exchanges, ...numbers] };
}

/** What contradicts itself in the key exchanges of a proposal. @see RFC 9370 §2.2.1 */
function wrongKeyExchanges(parts: Parts, text: string): string | undefined {
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

function wrongCipher(parts: Parts, text: string): string | undefined {
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

function prfLike(integrity: Transform): readonly Transform[] {
  const id = prfOfIntegrity.get(integrity.id);
  return id === undefined ? [] : [{ type: TransformType.PRF, id }];
}

function suggestPrf(text: string): string {
  const [first = '', ...rest] = text.trim().split('-');
  return [first, 'prfsha256', ...rest].join('-');
}

function unknownKeyword(keyword: string, text: string): Wrong {
  if (isUnsupportedKeyword(keyword)) {
    return {
      code: 'not-supported',
      sentence: `the algorithm ${quoted(keyword)} in ${quoted(text)} is not supported; supported are ${proposalKeywords.join(', ')}`,
    };
  }
  if (keyword === 'default') {
    return wrong('"default" stands alone: separate it from other proposals with a comma');
  }
  const nearest = nearestName(keyword, proposalKeywords);
  const hint = nearest === undefined ? '' : `; did you mean ${quoted(nearest)}?`;
  return wrong(`there is no algorithm ${quoted(keyword)} in ${quoted(text)}${hint}`);
}
