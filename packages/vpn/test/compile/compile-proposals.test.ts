import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileProposals } from '../../src/compile/compile-proposals.ts';
import { OptionChecks } from '../../src/compile/option-checks.ts';
import { proposalKeywords } from '../../src/compile/proposal-keywords.ts';

type Protocol = 'ike' | 'esp';

function compile(protocol: Protocol, ...texts: string[]) {
  return compileFor(false, protocol, texts);
}

function compileFor(takesLegacy: boolean, protocol: Protocol, texts: readonly string[]) {
  const checks = new OptionChecks(new Map());
  const proposals = compileProposals(checks, 'proposals', texts, protocol, takesLegacy);
  return { proposals, problems: checks.problems };
}

/** Transforms as `type/id` or `type/id/bits`. */
function shape(protocol: Protocol, ...texts: string[]): string[] {
  return shapeFor(false, protocol, texts);
}

function shapeFor(takesLegacy: boolean, protocol: Protocol, texts: readonly string[]): string[] {
  const { proposals, problems } = compileFor(takesLegacy, protocol, texts);
  expect(problems).toEqual([]);
  return proposals.map(({ transforms }) =>
    transforms
      .map(({ type, id, keyBits }) =>
        [type, id, ...(keyBits === undefined ? [] : [keyBits])].join('/'),
      )
      .join(' '),
  );
}

describe('IKE proposals', () => {
  it.each([
    ['aes256-sha256-x25519', '1/12/256 2/5 3/12 4/31'],
    ['aes128gcm16-prfsha256-ecp256', '1/20/128 2/5 4/19'],
    ['aes256-sha384-modp2048', '1/12/256 2/6 3/13 4/14'],
    ['chacha20poly1305-prfsha256-x25519', '1/28 2/5 4/31'],
    ['aes-sha256-modp3072', '1/12/128 2/5 3/12 4/15'],
    ['aes192ctr-aesctr-aesxcbc-modp6144', '1/13/192 1/13/128 2/4 3/5 4/17'],
    ['aes256-aescmac-modp8192', '1/12/256 2/8 3/8 4/18'],
    ['aes128-aescmac-aesxcbc-prfaesxcbc-prfaescmac-x448', '1/12/128 2/4 2/8 3/8 3/5 4/32'],
    ['aes128ccm8-aes192ccm96-aes256ccm-prfsha256-curve448', '1/14/128 1/15/192 1/16/256 2/5 4/32'],
    ['aes128gcm64-aes192gcm12-aes256gcm8-prfsha256-x25519', '1/18/128 1/19/192 1/18/256 2/5 4/31'],
    ['AES256GCM128-PRFSHA512-CURVE25519', '1/20/256 2/7 4/31'],
    [
      'aes256-aes128-sha512-sha256-prfsha384-ecp521-ecp384',
      '1/12/256 1/12/128 2/6 3/14 3/12 4/21 4/20',
    ],
    ['aes256-aes256-sha256-x25519-curve25519', '1/12/256 2/5 3/12 4/31'],
    ['aes256gcm16-sha256-modp4096', '1/20/256 2/5 4/16'],
    [' aes192gcm-prfsha256-x25519 ', '1/20/192 2/5 4/31'],
    ['aes256-sha256-x25519-ke1_mlkem768', '1/12/256 2/5 3/12 4/31 6/36'],
    ['aes256-sha256-KE2_MLKEM512-x25519-ke1_ecp384', '1/12/256 2/5 3/12 4/31 6/20 7/35'],
    [
      'aes256-sha256-x25519-ke1_mlkem1024-ke1_mlkem768-ke1_none',
      '1/12/256 2/5 3/12 4/31 6/37 6/36 6/0',
    ],
    ['aes256-sha256-x25519-ecp256-ke7_x25519', '1/12/256 2/5 3/12 4/31 4/19 12/31'],
  ])('reads %s', (text, expected) => {
    expect(shape('ike', text)).toEqual([expected]);
  });

  it('have a default with ML-KEM-768 first, then the same without, AEADs before CBC, and no SHA-1 (RFC 8247 §2, RFC 9370 §2.2.1)', () => {
    const shapes = shape('ike');
    expect(shapes).toEqual(shape('ike', 'default'));
    const [aead, cbc] = [/^1\/20\/256 1\/20\/128 1\/28 2\/5/, /^1\/12\/256 1\/12\/128 2\/5/];
    const kinds = [aead, cbc, aead, cbc];
    expect(shapes).toHaveLength(kinds.length);
    for (const [at, kind] of kinds.entries()) expect(shapes[at]).toMatch(kind);
    const additional = shapes.map((one) => one.split(' ').filter((each) => each.startsWith('6/')));
    expect(additional).toEqual([['6/36'], ['6/36'], [], []]);
    for (const one of shapes) {
      expect(one).toContain(' 4/31 4/19 ');
      expect(one.split(' ')).not.toContain('2/2');
    }
  });

  it('may follow or precede the default', () => {
    expect(shape('ike', 'aes128-sha256-modp2048', 'default')).toHaveLength(5);
  });

  it.each([
    [
      'aes257-sha256-x25519',
      'there is no algorithm "aes257" in "aes257-sha256-x25519"; did you mean "aes256"?',
    ],
    [
      'aes256-sha256-x25519-',
      'there is no algorithm "" in "aes256-sha256-x25519-"; did you mean "aes"?',
    ],
    [
      'aes256gcm16-x25519',
      'the proposal "aes256gcm16-x25519" names no PRF: add one, for example "aes256gcm16-prfsha256-x25519"',
    ],
    [
      'aes256-sha256',
      'the proposal "aes256-sha256" names no key exchange: add one, for example "aes256-sha256-x25519"',
    ],
    [
      'aes256-prfsha256-x25519',
      'the proposal "aes256-prfsha256-x25519" names no integrity algorithm: add one, for example "sha256"',
    ],
    [
      'sha256-x25519',
      'the proposal "sha256-x25519" names no cipher: begin with one, for example "aes256gcm16" or "aes256-sha256"',
    ],
    [
      'aes256-aes256gcm16-sha256-x25519',
      'the proposal "aes256-aes256gcm16-sha256-x25519" mixes AEADs with other ciphers: write two proposals, separated by a comma',
    ],
    [
      'aes256-sha256-x25519-noesn',
      '"esn" and "noesn" are for ESP, not for the IKE SA: leave them out in "aes256-sha256-x25519-noesn"',
    ],
    [
      'aes256-sha256-esn-x25519',
      '"esn" and "noesn" are for ESP, not for the IKE SA: leave them out in "aes256-sha256-esn-x25519"',
    ],
    [
      'aes256gcm16iiv-prfsha256-x25519',
      'ciphers with an implicit IV are for ESP, not for the IKE SA: leave "iiv" out in "aes256gcm16iiv-prfsha256-x25519"',
    ],
    [
      'aes256-sha256-mlkem768',
      'ML-KEM is too large for the first key exchange: name another one first in "aes256-sha256-mlkem768", for example "x25519-ke1_mlkem768"',
    ],
    [
      'aes256-sha256-ke1_mlkem768',
      'the proposal "aes256-sha256-ke1_mlkem768" names no key exchange: add one, for example "aes256-sha256-ke1_mlkem768-x25519"',
    ],
    [
      'aes256-sha256-x25519-ke1_x25519',
      'the proposal "aes256-sha256-x25519-ke1_x25519" names the first key exchange once more as an additional one, which adds nothing: name another',
    ],
    [
      'aes256-sha256-x25519-ke1_mlkem768-ke2_mlkem768',
      'the additional key exchanges in "aes256-sha256-x25519-ke1_mlkem768-ke2_mlkem768" cannot all be different: give each "keN_" one that no other takes, or "keN_none"',
    ],
    [
      'aes256-sha256-x25519-ke8_mlkem768',
      'there is no algorithm "ke8_mlkem768" in "aes256-sha256-x25519-ke8_mlkem768"; did you mean "mlkem768"?',
    ],
    [
      'aes256-sha256-x25519-ke1_aes256',
      'there is no algorithm "ke1_aes256" in "aes256-sha256-x25519-ke1_aes256"; did you mean "aes256"?',
    ],
    [
      'aes256gcm16-sha256-prfsha256-x25519',
      'the proposal "aes256gcm16-sha256-prfsha256-x25519" names an integrity algorithm beside an AEAD, which brings its own: leave it out',
    ],
    [
      'aes128ctr-prfsha256-x25519',
      'the proposal "aes128ctr-prfsha256-x25519" names no integrity algorithm: add one, for example "sha256"',
    ],
    ['aes256-default', '"default" stands alone: separate it from other proposals with a comma'],
    ['', 'there is no algorithm "" in ""; did you mean "aes"?'],
  ])('refuses %j', (text, sentence) => {
    expect(compile('ike', 'default', text).problems).toEqual([
      { code: 'invalid-value', path: 'proposals[1]', sentence },
    ]);
  });

  it.each(['camellia256-sha256-x25519', 'aes256-sha256-modp1536', 'aes256-sha256-ecp256bp'])(
    'says of %s that strongSwan knows it and this does not',
    (text) => {
      const { problems } = compile('ike', text);
      expect(problems.map(({ code }) => code)).toEqual(['not-supported']);
      expect(problems[0]?.sentence).toMatch(
        /^the algorithm "\w+" in "[\w-]+" is not supported; supported are aes128, /,
      );
    },
  );

  it.each([
    ['des-sha256-x25519', 'des'],
    ['aes256-md5-x25519', 'md5'],
    ['aes256-sha256-modp768', 'modp768'],
  ])('says of %s why nobody gets it, legacy or not (RFC 8247 §2)', (text, name) => {
    for (const takesLegacy of [false, true]) {
      expect(compileFor(takesLegacy, 'ike', [text]).problems).toEqual([
        {
          code: 'not-supported',
          path: 'proposals[0]',
          sentence: `the algorithm "${name}" in "${text}" protects nothing any more and is not supported, not even with "legacy = yes": take another`,
        },
      ]);
    }
  });
});

describe('3DES, SHA-1 and MODP-1024 (RFC 8247 §2, RFC 8221 §5)', () => {
  it.each<[Protocol, string, string, string]>([
    ['ike', '3des-sha256-modp2048', '3des', '1/3 2/5 3/12 4/14'],
    ['ike', 'aes128-sha1-modp2048', 'sha1', '1/12/128 2/2 3/2 4/14'],
    ['ike', 'aes128-sha-modp2048', 'sha', '1/12/128 2/2 3/2 4/14'],
    ['ike', 'aes128gcm16-prfsha1-modp2048', 'prfsha1', '1/20/128 2/2 4/14'],
    ['ike', 'aes128-sha256-modp1024', 'modp1024', '1/12/128 2/5 3/12 4/2'],
    ['ike', 'aes128-sha256-x25519-ke1_modp1024', 'ke1_modp1024', '1/12/128 2/5 3/12 4/31 6/2'],
    ['esp', '3des-sha256', '3des', '1/3 3/12 5/0'],
    ['esp', 'aes128-sha1', 'sha1', '1/12/128 3/2 5/0'],
    ['esp', 'aes128gcm16-modp1024', 'modp1024', '1/20/128 4/2 5/0'],
  ])('%s: %s only where the connection says so', (protocol, text, name, expected) => {
    expect(shapeFor(true, protocol, [text])).toEqual([expected]);
    expect(compileFor(false, protocol, [text]).problems).toEqual([
      {
        code: 'invalid-value',
        path: 'proposals[0]',
        sentence: `the algorithm "${name}" in "${text}" is weak, and there for old peers alone: take another, or set "legacy = yes" in the connection`,
      },
    ]);
  });

  it('are in no default, whatever the connection says', () => {
    for (const protocol of ['ike', 'esp'] as const) {
      expect(shapeFor(true, protocol, [])).toEqual(shapeFor(false, protocol, []));
    }
  });
});

describe('ESP proposals', () => {
  it.each([
    ['aes256gcm16', '1/20/256 5/0'],
    ['aes128-sha256', '1/12/128 3/12 5/0'],
    ['chacha20poly1305', '1/28 5/0'],
    ['aes256gcm16-x25519', '1/20/256 4/31 5/0'],
    ['aes256-sha256-modp2048-noesn', '1/12/256 3/12 4/14 5/0'],
    ['aes256gcm16-esn', '1/20/256 5/1'],
    ['aes256gcm16-esn-noesn', '1/20/256 5/1 5/0'],
    ['aes128-sha256-noesn-esn', '1/12/128 3/12 5/0 5/1'],
    ['aes256gcm16iiv-aes128ccm8iiv-aes256gcm16-esn', '1/30/256 1/29/128 1/20/256 5/1'],
    ['chacha20poly1305iiv', '1/31 5/0'],
    ['aes192ctr-aesxcbc-aescmac', '1/13/192 3/5 3/8 5/0'],
    ['aes128ccm128-aes128ccm64-aes128gcm96', '1/16/128 1/14/128 1/19/128 5/0'],
    ['aes256gcm16-x25519-ke1_mlkem768', '1/20/256 4/31 6/36 5/0'],
  ])('reads %s', (text, expected) => {
    expect(shape('esp', text)).toEqual([expected]);
  });

  it('have a default (RFC 8221 §5)', () => {
    expect(shape('esp')).toEqual([
      '1/20/256 1/20/128 1/28 5/0',
      '1/12/256 1/12/128 3/12 3/13 3/14 5/0',
    ]);
  });

  it.each<[string, string, string]>([
    [
      'aes256',
      'invalid-value',
      'the proposal "aes256" names no integrity algorithm: add one, for example "sha256"',
    ],
    [
      'aes256gcm16-sha256',
      'invalid-value',
      'the proposal "aes256gcm16-sha256" names an integrity algorithm beside an AEAD, which brings its own: leave it out',
    ],
    [
      'aes256gcm16-prfsha256',
      'invalid-value',
      'ESP has no PRF: leave it out in "aes256gcm16-prfsha256"',
    ],
    [
      'aes256gcm16-ke1_mlkem768',
      'invalid-value',
      'the proposal "aes256gcm16-ke1_mlkem768" has additional key exchanges and no first one: add one, for example "x25519"',
    ],
  ])('refuses %s', (text, code, sentence) => {
    expect(compile('esp', text).problems).toEqual([{ code, path: 'proposals[0]', sentence }]);
  });
});

describe('any proposals', () => {
  const keyword = fc.oneof(
    fc.constantFrom(...proposalKeywords),
    fc.constantFrom('esn', 'md5', '__proto__', 'constructor', '', 'x'),
  );

  it('never throw, and have a cipher, or are refused', () => {
    fc.assert(
      fc.property(
        fc.array(keyword, { maxLength: 8 }),
        fc.constantFrom('ike', 'esp'),
        (words, protocol) => {
          const texts = [words.join('-')];
          const { proposals, problems } = compileFor(true, protocol as Protocol, texts);
          expect(proposals.length + problems.length).toBe(1);
          for (const { transforms } of proposals) expect(transforms[0]?.type).toBe(1);
        },
      ),
    );
  });

  it('are bounded', () => {
    expect(compile('ike', ...Array(40).fill('default')).problems[0]?.sentence).toBe(
      'at most 32 proposals are offered',
    );
    expect(compile('ike', 'aes-'.repeat(100_000)).problems[0]?.sentence).toBe(
      'a proposal has at most 64 algorithms',
    );
    expect(compile('ike', 'a'.repeat(1_000_000)).problems[0]?.sentence).toContain(
      'there is no algorithm "aaa',
    );
  });
});
