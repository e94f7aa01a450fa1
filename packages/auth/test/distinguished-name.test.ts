import {
  formatIdentity,
  type Identity,
  identitiesEqual,
  matchIdentity,
  parseIdentity,
  parseIdentityPattern,
} from '@ipsec-kit/auth';
import { DerTag, readDer, writeDer } from '@ipsec-kit/crypto';
import { IdType } from '@ipsec-kit/ikev2-codec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeDistinguishedName, encodeDistinguishedName } from '../src/distinguished-name.ts';

const hex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replace(/\s+/g, ''), 'hex'));

function name(text: string): Identity {
  const result = parseIdentity(text);
  if (!result.ok) throw new Error(result.sentence);
  expect(result.identity.idType).toBe(IdType.ID_DER_ASN1_DN);
  return result.identity;
}

function ofDer(data: Uint8Array): Identity {
  return { idType: IdType.ID_DER_ASN1_DN, data };
}

describe('a distinguished name (RFC 4945 §3.1.5)', () => {
  it('is encoded in DER, with the smallest type of string', () => {
    expect(name('C=CH, O=ü, E=a@b').data).toEqual(
      hex(`302e
        310b 3009 0603550406 13024348
        310b 3009 060355040a 0c02c3bc
        3112 3010 06092a864886f70d010901 1603614062`),
    );
  });

  it.each([
    ['C=CH, O=org, CN=x y', 'C=CH, O=org, CN=x y'],
    ['/C=CH/O=org/CN=x y', 'C=CH, O=org, CN=x y'],
    ['  CN = x  ,  O  =  y  ', 'CN=x, O=y'],
    ['CN=x, ', 'CN=x'],
    ['C=CH/O=org, CN=x', 'C=CH/O=org, CN=x'],
    ['c=CH, o=org, cn=a+b=c', 'C=CH, O=org, CN=a+b=c'],
    ['CN=', 'CN='],
    ['emailAddress=a@b, Email=b@c, UN=x', 'E=a@b, E=b@c, unstructuredName=x'],
    ['SN=s, serialNumber=13, UID=joe, DC=org', 'SN=s, serialNumber=13, UID=joe, DC=org'],
    ['EN=5, G=g, T=t, I=i, N=n, D=d, ID=1', 'employeeNumber=5, G=g, T=t, I=i, N=n, D=d, ID=1'],
  ])('reads %s and prints %s', (text, printed) => {
    expect(formatIdentity(name(text))).toBe(printed);
  });

  it.each(['foo=bar', 'C=CH, foo=bar', 'CN=a,,O=b', '2.5.4.3=x', '=x'])(
    'is not what %s says, which becomes a key id',
    (text) => {
      expect(parseIdentity(text)).toMatchObject({ identity: { idType: IdType.ID_KEY_ID } });
    },
  );

  it('equals another whatever the case and the type of its strings', () => {
    expect(identitiesEqual(name('C=CH, O=Org'), name('C=ch, O=ORG'))).toBe(true);
    const utf8 = hex('300d310b3009060355040a0c024f6b');
    const printable = hex('300d310b3009060355040a13026f6b');
    expect(identitiesEqual(ofDer(utf8), ofDer(printable))).toBe(true);
    const bmp = hex('300d310b3009060355040a1e024f6b');
    expect(identitiesEqual(ofDer(utf8), ofDer(bmp))).toBe(false);
  });

  it('differs by an attribute, its type, its order and its presence', () => {
    const one = name('C=CH, O=Org, CN=a');
    for (const other of [
      'C=CH, O=Org, CN=b',
      'C=CH, OU=Org, CN=a',
      'O=Org, C=CH, CN=a',
      'C=CH, O=Org',
    ]) {
      expect(identitiesEqual(one, name(other))).toBe(false);
    }
  });

  it('prints an unknown attribute type in dotted decimal, and hides what cannot be printed', () => {
    const fixed = writeDer(
      DerTag.SEQUENCE,
      writeDer(
        DerTag.SET,
        writeDer(
          DerTag.SEQUENCE,
          writeDer(6, hex('2a0304')),
          writeDer(12, hex('610a622ce280ae64')),
        ),
      ),
    );
    expect(formatIdentity(ofDer(fixed))).toBe('1.2.3.4=a?b??d');
  });

  it('matches a pattern with * as a value, one point less for each', () => {
    const match = (pattern: string, text: string): number => {
      const result = parseIdentityPattern(pattern);
      if (!result.ok) throw new Error(result.sentence);
      return matchIdentity(result.pattern, name(text));
    };
    expect(match('C=CH, O=Org, CN=host', 'C=CH, O=org, CN=HOST')).toBe(20);
    expect(match('C=CH, O=Org, CN=*', 'C=CH, O=Org, CN=host')).toBe(19);
    expect(match('C=CH, O=*, CN=*', 'C=CH, O=Org, CN=host')).toBe(18);
    expect(match('CN=*', 'CN=')).toBe(19);
    expect(match('C=CH, O=Org, CN=*', 'C=CH, O=Other, CN=host')).toBe(0);
    expect(match('C=CH, CN=*', 'C=CH, OU=host')).toBe(0);
    expect(match('C=CH, CN=*', 'C=CH, O=Org, CN=host')).toBe(0);
    const many = Array.from({ length: 30 }, () => 'OU=*').join(', ');
    expect(match(many, many.replaceAll('*', 'x'))).toBe(2);
  });

  it('takes a set of several attributes apart in order', () => {
    const attribute = (oid: string, value: string) =>
      writeDer(DerTag.SEQUENCE, writeDer(6, hex(oid)), writeDer(19, Buffer.from(value)));
    const der = writeDer(
      DerTag.SEQUENCE,
      writeDer(DerTag.SET, attribute('550403', 'a'), attribute('55040a', 'b')),
    );
    expect(formatIdentity(ofDer(der))).toBe('CN=a, O=b');
  });
});

describe('DER that comes from the network', () => {
  it.each([
    ['nothing', ''],
    ['a lone tag', '30'],
    ['a length beyond the end', '3005 3103'],
    ['an indefinite length', '3080 0000'],
    ['a length that is not the shortest', '308100'],
    ['a length with a leading zero', '30820001 00'],
    ['a length of five bytes', '308500000000 00'],
    ['bytes behind the name', '3000 00'],
    ['an empty set', '3002 3100'],
    ['an attribute without a value', '3009 3107 3005 0603550403'],
    ['two values', '300f 310d 300b 0603550403 130161 1300'],
    ['an empty attribute type', '3008 3106 3004 0600 1300'],
    ['a high tag number', '3003 3f0100'],
  ])('is not a name with %s', (_, bytes) => {
    expect(decodeDistinguishedName(hex(bytes))).toBeUndefined();
    expect(formatIdentity(ofDer(hex(bytes)))).toBe(`asn1dn:#${bytes.replaceAll(' ', '')}`);
  });

  it('is compared byte by byte when it is not a name', () => {
    expect(identitiesEqual(ofDer(hex('3080')), ofDer(hex('3080')))).toBe(true);
    expect(identitiesEqual(ofDer(hex('3080')), ofDer(hex('3081')))).toBe(false);
  });

  it('has at most 64 attributes', () => {
    const text = (count: number) => Array.from({ length: count }, () => 'CN=a').join(',');
    expect(decodeDistinguishedName(encodeDistinguishedName(text(64)) ?? hex(''))).toHaveLength(64);
    expect(encodeDistinguishedName(text(65))).toBeUndefined();
    const rdn = hex('310a30080603550403130161');
    const long = writeDer(DerTag.SEQUENCE, ...Array.from({ length: 65 }, () => rdn));
    expect(decodeDistinguishedName(long)).toBeUndefined();
  });

  it('is read back as it was written, for every length', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000]) {
      const value = readDer(writeDer(12, new Uint8Array(length)), 0);
      expect(value?.contents.length).toBe(length);
    }
  });

  it('never throws and never reads past the end', () => {
    const der = encodeDistinguishedName('C=CH, O=Org, CN=host') ?? hex('');
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), fc.nat(der.length), (at, byte, cut) => {
        const forged = der.slice(0, cut);
        if (at < forged.length) forged[at] = byte;
        const attributes = decodeDistinguishedName(forged);
        for (const { oid, value } of attributes ?? []) {
          expect(oid.length + value.length).toBeLessThanOrEqual(forged.length);
        }
        expect(formatIdentity(ofDer(forged))).not.toMatch(/\p{C}/u);
        expect(identitiesEqual(ofDer(forged), ofDer(forged.slice()))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('takes names of any text apart as they were put together', () => {
    const value = fc
      .string({ unit: 'grapheme', maxLength: 20 })
      .filter((text) => !/[,]/.test(text));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('C', 'CN', 'O', 'E', 'DC'), value), {
          minLength: 1,
          maxLength: 6,
        }),
        (pairs) => {
          const der = encodeDistinguishedName(
            pairs.map(([type, text]) => `${type}=${text}`).join(','),
          );
          const attributes = decodeDistinguishedName(der ?? hex(''));
          expect(attributes?.map((attribute) => Buffer.from(attribute.value).toString())).toEqual(
            pairs.map(([, text]) => Buffer.from(text.trim()).toString()),
          );
        },
      ),
    );
  });
});
