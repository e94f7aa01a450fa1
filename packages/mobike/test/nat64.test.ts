import { formatAddress, parsePrefix } from '@ipsec-kit/ip';
import { ipv4BehindNat64, synthesizeNat64, WELL_KNOWN_NAT64_PREFIX } from '@ipsec-kit/mobike';
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
    const back = prefix && ipv4BehindNat64(prefix, address(expected));
    expect(back && formatAddress(back)).toBe('192.0.2.33');
  });

  it('refuses what is no IPv4 address, and lengths that there are not (RFC 6052 §2.2)', () => {
    expect(synthesizeNat64(WELL_KNOWN_NAT64_PREFIX, address('::1'))).toBeUndefined();
    const odd = { ...WELL_KNOWN_NAT64_PREFIX, length: 95 };
    expect(synthesizeNat64(odd, address('192.0.2.33'))).toBeUndefined();
    expect(ipv4BehindNat64(odd, address('64:ff9b::c000:221'))).toBeUndefined();
    expect(ipv4BehindNat64(WELL_KNOWN_NAT64_PREFIX, address('2001:db8::1'))).toBeUndefined();
    expect(ipv4BehindNat64(WELL_KNOWN_NAT64_PREFIX, address('192.0.2.33'))).toBeUndefined();
  });
});
