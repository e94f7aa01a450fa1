import {
  formatIdentityPattern,
  type Identity,
  type IdentityPattern,
  identitiesEqual,
  matchIdentity,
  parseIdentity,
  parseIdentityPattern,
} from '@ipsec-kit/auth';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

function pattern(text: string): IdentityPattern {
  const result = parseIdentityPattern(text);
  if (!result.ok) throw new Error(result.sentence);
  return result.pattern;
}

function identity(text: string): Identity {
  const result = parseIdentity(text);
  if (!result.ok) throw new Error(result.sentence);
  return result.identity;
}

describe('matchIdentity (RFC 4945 §3.1)', () => {
  it.each([
    ['%any', 'carol@example.org', 1],
    ['', '10.0.0.1', 1],
    ['*', 'keyid:#00', 1],
    ['carol@example.org', 'carol@example.org', 20],
    ['carol@example.org', 'Carol@EXAMPLE.org', 20],
    ['*@example.org', 'carol@example.org', 19],
    ['*@example.org', 'carol@EXAMPLE.ORG', 19],
    ['*@example.org', 'carol@example.com', 0],
    ['*@example.org', 'email:@example.org', 0],
    ['*@example.org', 'fqdn:carol@example.org', 0],
    ['*.example.org', 'gw.example.org', 19],
    ['*.example.org', 'a.b.example.org', 19],
    ['*.example.org', 'example.org', 0],
    ['*.example.org', 'gw.example.org.evil', 0],
    ['*.example.org', 'email:gw.example.org', 0],
    ['fqdn:*', 'anything', 19],
    ['fqdn:*', 'a@b', 0],
    ['email:*', 'a@b', 19],
    ['gw.example.org', 'GW.example.ORG', 20],
    ['keyid:joe', 'keyid:joe', 20],
    ['keyid:joe', 'keyid:Joe', 0],
    ['10.0.0.1', '10.0.0.1', 20],
    ['10.0.0.1', '10.0.0.2', 0],
    ['10.0.0.1', 'fqdn:10.0.0.1', 0],
    ['keyid:*x', 'keyid:ax', 0],
    ['fqdn:#2a2e78', 'a.x', 0],
  ])('of %s with %s is %d', (text, peer, quality) => {
    expect(matchIdentity(pattern(text), identity(peer))).toBe(quality);
  });

  it('does not take wildcards that a peer sends for wildcards', () => {
    const star: Identity = { idType: 2, data: Uint8Array.from(Buffer.from('*.example.org')) };
    expect(matchIdentity(pattern('gw.example.org'), star)).toBe(0);
    expect(identitiesEqual(identity('gw.example.org'), star)).toBe(false);
  });

  it('matches every identity exactly with itself, and never throws', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.uint8Array({ maxLength: 60 }), (idType, data) => {
        const peer = { idType, data };
        expect(matchIdentity({ kind: 'identity', identity: peer }, peer)).toBe(20);
        for (const text of ['%any', '*@example.org', '*.example.org', 'C=CH, CN=*', '10.0.0.1']) {
          const quality = matchIdentity(pattern(text), peer);
          expect(quality >= 0 && quality <= 20).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('parseIdentityPattern', () => {
  it.each(['gw*', 'a*@example.org', '**.example.org', '*.*.org'])(
    'refuses %s: a wildcard stands at the beginning only',
    (text) => {
      expect(parseIdentityPattern(text)).toMatchObject({ ok: false, code: 'bad-wildcard' });
    },
  );

  it('passes on why a text is no identity', () => {
    expect(parseIdentityPattern('10.0.0.0/8')).toMatchObject({ ok: false, code: 'address-range' });
  });

  it.each([
    ['%any', '%any'],
    ['::', '%any'],
    ['*@example.org', '*@example.org'],
    ['@*.example.org', '*.example.org'],
    ['email:*.example.org', 'email:*.example.org'],
    ['fqdn:*', 'fqdn:*'],
    ['@gw', 'gw'],
    ['/C=CH/CN=*', 'C=CH, CN=*'],
    ['@#00ff', 'keyid:#00ff'],
  ])('reads %s, which is printed as %s and read again alike', (text, printed) => {
    expect(formatIdentityPattern(pattern(text))).toBe(printed);
    expect(pattern(printed)).toEqual(pattern(text));
  });
});
