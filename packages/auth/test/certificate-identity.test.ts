import {
  type CertificateNames,
  certificateVouchesFor,
  type Identity,
  identityOfCertificate,
  parseIdentity,
} from '@ipsec-kit/auth';
import { describe, expect, it } from 'vitest';

function id(text: string): Identity {
  const result = parseIdentity(text);
  if (!result.ok) throw new Error(result.sentence);
  return result.identity;
}

const names: CertificateNames = {
  subject: id('C=CH, O=Example, CN=gw.example.org').data,
  altNames: [
    id('vpn.example.org'),
    { idType: 2, data: Uint8Array.from(Buffer.from('*.wild.example.org')) },
    id('carol@example.org'),
    id('192.0.2.1'),
    id('2001:db8::1'),
  ],
  keyIds: [Uint8Array.of(1, 2, 3)],
};

describe('certificateVouchesFor (RFC 4945 §3.1)', () => {
  it.each([
    'vpn.example.org',
    'VPN.Example.ORG',
    'carol@example.org',
    '192.0.2.1',
    '2001:db8::1',
    'C=CH, O=Example, CN=gw.example.org',
    'C=CH, O=EXAMPLE, CN=GW.example.org',
    '@#010203',
  ])('accepts %s', (text) => {
    expect(certificateVouchesFor(names, id(text))).toBe(true);
  });

  it.each([
    // The CN is no dNSName, part of a name is no name, and a wildcard in a certificate stands for itself (§3.1.2).
    'gw.example.org',
    'example.org',
    'a.wild.example.org',
    'vpn.example.org.evil.test',
    'dave@example.org',
    '192.0.2.2',
    '2001:db8::2',
    'C=CH, O=Example',
    'O=Example, C=CH, CN=gw.example.org',
    'C=CH, O=Example, CN=other',
    '@#0102',
    'email:vpn.example.org',
    'asn1gn:#8203616263',
    '{13}:#00',
  ])('refuses %s', (text) => {
    expect(certificateVouchesFor(names, id(text))).toBe(false);
  });

  it('takes an empty subject for nobody (RFC 4945 §3.1.5)', () => {
    const empty = Uint8Array.of(0x30, 0);
    const nameless = { ...names, subject: empty };
    expect(certificateVouchesFor(nameless, { idType: 9, data: empty })).toBe(false);
    expect(identityOfCertificate(nameless)).toEqual(id('vpn.example.org'));
    expect(identityOfCertificate({ ...nameless, altNames: [] })).toBeUndefined();
    expect(identityOfCertificate(names)).toEqual({ idType: 9, data: names.subject });
  });
});
