import { formatIdentity, type Identity, identitiesEqual, parseIdentity } from '@ipsec-kit/auth';
import { IdType } from '@ipsec-kit/ikev2-codec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

function identity(text: string): Identity {
  const result = parseIdentity(text);
  if (!result.ok) throw new Error(result.sentence);
  return result.identity;
}

describe('parseIdentity (RFC 7296 §3.5)', () => {
  it.each([
    ['10.0.0.1', IdType.ID_IPV4_ADDR, hex('0a000001')],
    ['2001:db8::1', IdType.ID_IPV6_ADDR, hex('20010db8000000000000000000000001')],
    ['gateway', IdType.ID_FQDN, ascii('gateway')],
    [' gw.example.org ', IdType.ID_FQDN, ascii('gw.example.org')],
    ['@gw.example.org', IdType.ID_FQDN, ascii('gw.example.org')],
    ['@10.0.0.1', IdType.ID_FQDN, ascii('10.0.0.1')],
    ['carol@example.org', IdType.ID_RFC822_ADDR, ascii('carol@example.org')],
    ['@@carol', IdType.ID_RFC822_ADDR, ascii('carol')],
    ['@#6a6f65', IdType.ID_KEY_ID, ascii('joe')],
    ['@#', IdType.ID_KEY_ID, hex('')],
    ['ipv4:#0a000001', IdType.ID_IPV4_ADDR, hex('0a000001')],
    ['ipv4:10.0.0.1', IdType.ID_IPV4_ADDR, hex('0a000001')],
    ['ipv6:::1', IdType.ID_IPV6_ADDR, hex('00000000000000000000000000000001')],
    ['fqdn:10.0.0.1', IdType.ID_FQDN, ascii('10.0.0.1')],
    ['DNS:a@b', IdType.ID_FQDN, ascii('a@b')],
    ['email:carol', IdType.ID_RFC822_ADDR, ascii('carol')],
    ['rfc822:#6a6f65', IdType.ID_RFC822_ADDR, ascii('joe')],
    ['userfqdn:joe', IdType.ID_RFC822_ADDR, ascii('joe')],
    ['keyid:joe', IdType.ID_KEY_ID, ascii('joe')],
    ['keyid:#6A:6f:65', IdType.ID_KEY_ID, ascii('joe')],
    ['{11}:joe', IdType.ID_KEY_ID, ascii('joe')],
    ['{200}:#00ff', 200, hex('00ff')],
    ['asn1gn:#8200', IdType.ID_DER_ASN1_GN, hex('8200')],
    ['not:an:address', IdType.ID_KEY_ID, ascii('not:an:address')],
    ['foo=bar', IdType.ID_KEY_ID, ascii('foo=bar')],
    ['müller', IdType.ID_FQDN, ascii('müller')],
  ])('reads %s', (text, idType, data) => {
    expect(parseIdentity(text)).toEqual({ ok: true, identity: { idType, data } });
  });

  it.each([
    ['', 'any'],
    ['%any', 'any'],
    ['*', 'any'],
    ['0.0.0.0', 'any'],
    ['::', 'any'],
    ['*@example.org', 'wildcard'],
    ['fqdn:*.example.org', 'wildcard'],
    ['C=CH, CN=*', 'wildcard'],
    ['keyid:#abc', 'bad-hex'],
    ['@#xy', 'bad-hex'],
    ['ipv4:#0a00', 'bad-address'],
    ['ipv4:2001:db8::1', 'bad-address'],
    ['ipv6:10.0.0.1', 'bad-address'],
    ['10.0.0.0/8', 'address-range'],
    ['10.0.0.1-10.0.0.9', 'address-range'],
    ['2001:db8::/32', 'address-range'],
    ['{0}:x', 'bad-type'],
    ['{256}:x', 'bad-type'],
    ['@', 'bad-name'],
    ['a\u0000b', 'bad-name'],
    ['asn1dn:foo=bar', 'bad-name'],
  ])('refuses %s in one sentence', (text, code) => {
    const result = parseIdentity(text);
    expect(result).toMatchObject({ ok: false, code });
    expect(!result.ok && result.sentence).toMatch(/^"[^\n]*" is not usable as an identity: /);
  });

  it('shortens a long text in its refusal', () => {
    const result = parseIdentity(`*${'a'.repeat(5000)}`);
    expect(!result.ok && result.sentence.length).toBeLessThan(250);
  });
});

describe('formatIdentity', () => {
  it.each([
    '10.0.0.1',
    '2001:db8::1',
    'gw.example.org',
    'carol@example.org',
    'fqdn:10.0.0.1',
    'fqdn:a@b',
    'email:carol',
    'keyid:joe',
    'keyid:#00ff',
    'C=CH, O=Example, CN=host',
    'asn1dn:#3001',
    '{200}:#00ff',
    'not:an:address',
  ])('prints %s as it was written', (text) => {
    expect(formatIdentity(identity(text))).toBe(text);
  });

  it('prints no control characters and no pattern that a peer made up', () => {
    const fqdn = (data: Uint8Array) => formatIdentity({ idType: IdType.ID_FQDN, data });
    expect(fqdn(ascii('a\nsession opened'))).toBe('fqdn:#610a73657373696f6e206f70656e6564');
    expect(fqdn(ascii('*.example.org'))).toMatch(/^fqdn:#/);
    expect(fqdn(ascii('a\u202eb'))).toMatch(/^fqdn:#/);
    expect(fqdn(hex('c080'))).toBe('fqdn:#c080');
    expect(fqdn(ascii('%any'))).toBe('fqdn:%any');
  });

  it('prints the beginning of an endless identity', () => {
    const text = formatIdentity({ idType: IdType.ID_KEY_ID, data: new Uint8Array(60_000) });
    expect(text.length).toBeLessThan(120);
    expect(text).toContain('(60000 bytes)');
  });

  it('never throws, and is read back as an equal identity', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 255 }).filter((type) => type !== IdType.ID_DER_ASN1_DN),
        fc.oneof(
          fc.uint8Array({ minLength: 0, maxLength: 40 }),
          fc.uint8Array({ minLength: 4, maxLength: 4 }),
          fc.uint8Array({ minLength: 16, maxLength: 16 }),
          fc.string({ maxLength: 40 }).map(ascii),
          fc.string({ unit: 'grapheme', maxLength: 20 }).map(ascii),
        ),
        (idType, data) => {
          const text = formatIdentity({ idType, data });
          expect(text).not.toMatch(/[\p{Cc}]/u);
          const isAddress = idType === IdType.ID_IPV4_ADDR || idType === IdType.ID_IPV6_ADDR;
          const result = parseIdentity(text);
          if (isAddress && !result.ok) {
            // No text stands for an address of the wrong length.
            expect(result.code).toBe('bad-address');
            return;
          }
          expect(result.ok && identitiesEqual(result.identity, { idType, data })).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('never throws on bytes that claim to be a distinguished name', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (data) => {
        expect(formatIdentity({ idType: IdType.ID_DER_ASN1_DN, data })).not.toMatch(/[\p{Cc}]/u);
      }),
      { numRuns: 500 },
    );
  });
});
