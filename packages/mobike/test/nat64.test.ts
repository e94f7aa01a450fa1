import { formatAddress, parsePrefix } from '@ipsec-kit/ip';
import { synthesizeNat64, throughNat64, WELL_KNOWN_NAT64_PREFIX } from '@ipsec-kit/mobike';
import { describe, expect, it } from 'vitest';
import { address } from './addresses.ts';

describe('synthesizeNat64', () => {
  it.each([
    ['2001:db8::/32', '2001:db8:c000:221::'],
    ['2001:db8:100::/40', '2001:db8:1c0:2:21::'],
    ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
    ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
    ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100:0'],
    ['2001:db8:122:344::/96', '2001:db8:122:344::c000:221'],
  ])('puts 192.0.2.33 into %s (RFC 6052 §2.4)', (text, expected) => {
    const prefix = parsePrefix(text);
    const found = prefix && synthesizeNat64(prefix, address('192.0.2.33'));
    expect(found && formatAddress(found)).toBe(formatAddress(address(expected)));
  });

  it('refuses what is no IPv4 address, and lengths that there are not (RFC 6052 §2.2)', () => {
    expect(synthesizeNat64(WELL_KNOWN_NAT64_PREFIX, address('::1'))).toBeUndefined();
    const odd = { ...WELL_KNOWN_NAT64_PREFIX, length: 95 };
    expect(synthesizeNat64(odd, address('192.0.2.33'))).toBeUndefined();
  });
});

describe('throughNat64', () => {
  it.each([32, 40, 48, 56, 64, 96])(
    'finds the host behind a prefix of %i bits (RFC 6052 §2.3)',
    (length) => {
      const prefix = { address: address('2001:db8:122:344::'), length };
      const host = address('192.0.2.33');
      const inside = synthesizeNat64(prefix, host);
      expect(inside && formatAddress(throughNat64(prefix, inside))).toBe('192.0.2.33');
    },
  );

  it('leaves any other address as it is', () => {
    for (const text of ['192.0.2.1', '2001:db8::1', '64:ff9b:0:0:1::1', '64:ff9b:1::1.2.3.4']) {
      const other = address(text);
      expect(throughNat64(WELL_KNOWN_NAT64_PREFIX, other)).toBe(other);
    }
  });
});
