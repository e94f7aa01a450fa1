import { addressFromBytes, formatAddress, parseAddress } from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const canonical = (text: string): string | undefined => {
  const address = parseAddress(text);
  return address && formatAddress(address);
};

describe('parseAddress', () => {
  it.each(['0.0.0.0', '255.255.255.255', '10.1.2.3', '::', '::1', '2001:db8::1', 'fe80::a:b'])(
    'reads %s and writes it the same',
    (text) => expect(canonical(text)).toBe(text),
  );

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.4 ',
    '1..2.3',
    '0x1.2.3.4',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '12345::',
    'g::',
    ':1::',
    '::1%eth0',
    '::1.2.3',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
  ])('refuses "%s"', (text) => expect(parseAddress(text)).toBeUndefined());

  it('reads an IPv4 tail', () => {
    expect(canonical('64:ff9b::192.0.2.33')).toBe('64:ff9b::c000:221');
    expect(canonical('::ffff:c000:221')).toBe('::ffff:192.0.2.33');
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseAddress(text)));
  });
});

describe('formatAddress (RFC 5952 §4)', () => {
  it.each([
    ['2001:0db8:0000:0000:0000:0000:0002:0001', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::ABCD', '2001:db8::abcd'],
    ['1:0:0:0:0:0:0:0', '1::'],
  ])('writes %s as %s', (given, expected) => expect(canonical(given)).toBe(expected));

  it('round-trips every address', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc
        .array(fc.constantFrom(0, 1), { minLength: 16, maxLength: 16 })
        .map((b) => Uint8Array.from(b)),
    );
    fc.assert(
      fc.property(bytes, (b) => {
        const address = addressFromBytes(b);
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });
});
