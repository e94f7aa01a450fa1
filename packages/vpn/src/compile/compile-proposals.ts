import { Integ, Prf, TransformType } from '@ipsec-kit/crypto';
import type { ConfiguredProposal } from '@ipsec-kit/ikev2';
import type { Transform } from '@ipsec-kit/ikev2-codec';
import { quoted } from './config-problem.ts';
import { DEFAULT_ESP_PROPOSALS, DEFAULT_IKE_PROPOSALS } from './default-proposals.ts';
import { nearestName } from './nearest-name.ts';
import type { OptionChecks } from './option-checks.ts';
import { wrongCipher, wrongKeyExchanges } from './proposal-conflicts.ts';
import {
  algorithmOf,
  isBrokenKeyword,
  isImplicitIv,
  isUnsupportedKeyword,
  proposalKeywords,
} from './proposal-keywords.ts';
import { ProposalParts } from './proposal-parts.ts';

const MAX_PROPOSALS = 32;
const MAX_KEYWORDS = 64;

const prfOfIntegrity: ReadonlyMap<number, number> = new Map([
  [Integ.AUTH_HMAC_SHA1_96, Prf.PRF_HMAC_SHA1],
  [Integ.AUTH_HMAC_SHA2_256_128, Prf.PRF_HMAC_SHA2_256],
  [Integ.AUTH_HMAC_SHA2_384_192, Prf.PRF_HMAC_SHA2_384],
  [Integ.AUTH_HMAC_SHA2_512_256, Prf.PRF_HMAC_SHA2_512],
  [Integ.AUTH_AES_XCBC_96, Prf.PRF_AES128_XCBC],
  [Integ.AUTH_AES_CMAC_96, Prf.PRF_AES128_CMAC],
]);

/** Compiles the proposals of an IKE SA or a Child SA from strongSwan's spelling; none given is `default`.
 * @param takesLegacy - whether the connection says `legacy = yes`.
 * Key exchange methods of ESP stay in: whoever opens the first Child SA leaves them out, since it makes no key
 * exchange of its own (RFC 7296 §1.2).
 */
export function compileProposals(
  checks: OptionChecks,
  path: string,
  texts: readonly string[],
  protocol: 'ike' | 'esp',
  takesLegacy: boolean,
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
      const result = compileProposal(one, protocol, takesLegacy);
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

function compileProposal(
  text: string,
  protocol: 'ike' | 'esp',
  takesLegacy: boolean,
): ConfiguredProposal | Wrong {
  const parts = new ProposalParts();
  const keywords = text.trim().toLowerCase().split('-');
  if (keywords.length > MAX_KEYWORDS) {
    return wrong(`a proposal has at most ${MAX_KEYWORDS} algorithms`);
  }
  for (const keyword of keywords) {
    const algorithm = algorithmOf(keyword);
    if (!algorithm) return unknownKeyword(keyword, text);
    // RFC 8247 §2, RFC 8221 §5: SHOULD NOT, and for nobody who has not asked for it.
    if (algorithm.legacy && !takesLegacy) return tooOld(keyword, text);
    parts.add(algorithm);
  }
  return protocol === 'ike' ? completeIke(parts, text) : completeEsp(parts, text);
}

function completeIke(parts: ProposalParts, text: string): ConfiguredProposal | Wrong {
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
  if (parts.kind === 'aead' && integrity.length > 0 && parts.of(PRF).length > 0) {
    return wrong(idleIntegrity(text));
  }
  const own = parts.kind === 'aead' ? [] : integrity;
  return {
    transforms: [...parts.of(ENCR), ...prfs, ...own, ...parts.of(KE), ...parts.additional],
  };
}

function completeEsp(parts: ProposalParts, text: string): ConfiguredProposal | Wrong {
  const misfit = wrongCipher(parts, text);
  if (misfit !== undefined) return wrong(misfit);
  const { ENCR, PRF, INTEG, KE, ESN } = TransformType;
  if (parts.of(PRF).length > 0) {
    return wrong(`ESP has no PRF: leave it out in ${quoted(text)}`);
  }
  const contradiction = wrongKeyExchanges(parts, text);
  if (contradiction !== undefined) return wrong(contradiction);
  // RFC 7296 §3.3: an AEAD is never offered with an integrity algorithm.
  if (parts.kind === 'aead' && parts.of(INTEG).length > 0) return wrong(idleIntegrity(text));
  // Extended sequence numbers are for those who ask for them: nobody else needs 2^32 packets before the next rekey.
  const numbers = parts.of(ESN).length > 0 ? parts.of(ESN) : [{ type: ESN, id: 0 }];
  const exchanges = [...parts.of(KE), ...parts.additional];
  return { transforms: [...parts.of(ENCR), ...parts.of(INTEG), ...exchanges, ...numbers] };
}

function idleIntegrity(text: string): string {
  return `the proposal ${quoted(text)} names an integrity algorithm beside an AEAD, which brings its own: leave it out`;
}

function prfLike(integrity: Transform): readonly Transform[] {
  const id = prfOfIntegrity.get(integrity.id);
  return id === undefined ? [] : [{ type: TransformType.PRF, id }];
}

function suggestPrf(text: string): string {
  const [first = '', ...rest] = text.trim().split('-');
  return [first, 'prfsha256', ...rest].join('-');
}

function tooOld(keyword: string, text: string): Wrong {
  return wrong(
    `the algorithm ${quoted(keyword)} in ${quoted(text)} is weak, and there for old peers alone: take another, or set "legacy = yes" in the connection`,
  );
}

function unknownKeyword(keyword: string, text: string): Wrong {
  if (isBrokenKeyword(keyword)) {
    return {
      code: 'not-supported',
      sentence: `the algorithm ${quoted(keyword)} in ${quoted(text)} protects nothing any more and is not supported, not even with "legacy = yes": take another`,
    };
  }
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
