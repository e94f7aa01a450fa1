import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileProposals } from '../../src/compile/compile-proposals.ts';
import { OptionChecks } from '../../src/compile/option-checks.ts';
import { proposalKeywords } from '../../src/compile/proposal-keywords.ts';

type Protocol = 'ike' | 'esp';

function compile(protocol: Protocol, ...texts: string[]) {
  const checks = new OptionChecks(new Map());
  const proposals = compileProposals(checks, 'proposals', texts, protocol);
  return { proposals, problems: checks.problems };
}

/** Transforms as `type/id` or `type/id/bits`. */
function shape(protocol: Protocol, ...texts: string[]): string[] {
  const { proposals, problems } = compile(protocol, ...texts);
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
    ['aes-sha1-modp3072', '1/12/128 2/2 3/2 4/15'],
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

  it('have a default without SHA-1, AEADs first (RFC 8247 §2)', () => {
    const shapes = shape('ike');
    expect(shapes).toEqual(shape('ike', 'default'));
    expect(shapes).toHaveLength(2);
    expect(shapes[0]).toMatch(/^1\/20\/256 1\/20\/128 1\/28 2\/5/);
    expect(shapes[1]).toMatch(/^1\/12\/256 1\/12\/128 2\/5/);
    for (const one of shapes) expect(one.split(' ')).not.toContain('2/2');
  });

  it('may follow or precede the default', () => {
    expect(shape('ike', 'aes128-sha1-modp2048', 'default')).toHaveLength(3);
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
    ['aes256-default', '"default" stands alone: separate it from other proposals with a comma'],
    ['', 'there is no algorithm "" in ""; did you mean "aes"?'],
  ])('refuses %j', (text, sentence) => {
    expect(compile('ike', 'default', text).problems).toEqual([
      { code: 'invalid-value', path: 'proposals[1]', sentence },
    ]);
  });

  it.each([
    '3des-sha1-modp2048',
    'aes256-md5-modp2048',
    'aes256-sha256-modp1024',
    'aes256ccm16-prfsha256-x25519',
    'aes256-sha256-curve448',
  ])('says of %s that strongSwan knows it and this does not', (text) => {
    const { problems } = compile('ike', text);
    expect(problems.map(({ code }) => code)).toEqual(['not-supported']);
    expect(problems[0]?.sentence).toMatch(
      /^the algorithm "\w+" in "[\w-]+" is not supported; supported are aes128, /,
    );
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
    ['aes256gcm16-sha256', '1/20/256 5/0'],
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
    fc.constantFrom('esn', '3des', '__proto__', 'constructor', '', 'x'),
  );

  it('never throw, and have a cipher, or are refused', () => {
    fc.assert(
      fc.property(
        fc.array(keyword, { maxLength: 8 }),
        fc.constantFrom('ike', 'esp'),
        (words, protocol) => {
          const { proposals, problems } = compile(protocol as Protocol, words.join('-'));
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
