import {
  addressListsEqual,
  hasAddress,
  type IpAddress,
  parseAddress,
  sameAddresses,
} from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';

function addresses(...texts: readonly string[]): readonly IpAddress[] {
  return texts.map((text) => {
    const address = parseAddress(text);
    if (!address) throw new Error('a test value cannot be parsed');
    return address;
  });
}

describe('lists of addresses', () => {
  const both = addresses('192.0.2.1', '2001:db8::1');

  it('have what equals one of theirs, of the same family', () => {
    const [own, mapped, other] = addresses('192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2');
    if (!own || !mapped || !other) throw new Error('a test value cannot be parsed');
    expect([own, mapped, other].map((address) => hasAddress(both, address))).toEqual([
      true,
      false,
      false,
    ]);
    expect(hasAddress([], own)).toBe(false);
  });

  it.each([
    { other: ['192.0.2.1', '2001:db8::1'], isSame: true, isEqual: true },
    { other: ['2001:db8::1', '192.0.2.1'], isSame: true, isEqual: false },
    { other: ['192.0.2.1', '2001:db8::2'], isSame: false, isEqual: false },
    { other: ['192.0.2.1'], isSame: false, isEqual: false },
  ])('are compared with $other, with and without their order', ({ other, isSame, isEqual }) => {
    expect(sameAddresses(both, addresses(...other))).toBe(isSame);
    expect(addressListsEqual(both, addresses(...other))).toBe(isEqual);
  });
});
