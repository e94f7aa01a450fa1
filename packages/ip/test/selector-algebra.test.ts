import {
  addressFromBigInt,
  compareAddresses,
  formatSelector,
  type IpAddress,
  intersectSelectors,
  MAX_SELECTORS,
  narrowSelectors,
  parseSelector,
  prefixContains,
  selectorContains,
  selectorsEqual,
  selectorToPrefixes,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

function selector(text: string): TrafficSelector {
  const parsed = parseSelector(text);
  if (!parsed) throw new Error(`not a selector: ${text}`);
  return parsed;
}

const meet = (a: string, b: string): string | undefined => {
  const common = intersectSelectors(selector(a), selector(b));
  return common && formatSelector(common);
};

/** Selectors over a small address space, so that random pairs do overlap. */
const anySelector: fc.Arbitrary<TrafficSelector> = fc
  .record({
    version: fc.constantFrom<4 | 6>(4, 6),
    first: fc.integer({ min: 0, max: 40 }),
    size: fc.integer({ min: 0, max: 40 }),
    protocol: fc.constantFrom(0, 6, 17),
    ports: fc.oneof(
      fc.constant({ startPort: 0, endPort: 65535 }),
      fc.constant({ startPort: 65535, endPort: 0 }),
      fc
        .tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }))
        .map(([from, size]) => ({ startPort: from, endPort: from + size })),
    ),
  })
  .map(({ version, first, size, protocol, ports }) => ({
    protocol,
    ...ports,
    start: at(version, first),
    end: at(version, first + size),
  }));

function at(version: 4 | 6, value: number): IpAddress {
  const address = addressFromBigInt(version, BigInt(value));
  if (!address) throw new Error('out of range');
  return address;
}

describe('intersectSelectors (RFC 7296 §2.9)', () => {
  it.each([
    ['0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/8'],
    ['10.0.0.0/8[tcp/80]', '10.1.0.0/16', '10.1.0.0/16[tcp/80]'],
    ['10.0.0.0/8[tcp/1-100]', '10.0.0.0/8[tcp/50-200]', '10.0.0.0/8[tcp/50-100]'],
    ['10.0.0.1-10.0.0.9', '10.0.0.5-10.0.0.20', '10.0.0.5..10.0.0.9'],
    ['10.0.0.0/8[tcp/opaque]', '10.0.0.0/8', '10.0.0.0/8[tcp/opaque]'],
  ])('%s and %s give %s', (a, b, expected) => {
    expect(meet(a, b)).toBe(expected);
    expect(meet(b, a)).toBe(expected);
  });

  it.each([
    ['10.0.0.0/8', '11.0.0.0/8'],
    ['0.0.0.0/0', '::/0'],
    ['10.0.0.0/8[tcp]', '10.0.0.0/8[udp]'],
    ['10.0.0.0/8[tcp/80]', '10.0.0.0/8[tcp/81]'],
    ['10.0.0.0/8[tcp/opaque]', '10.0.0.0/8[tcp/80]'],
  ])('%s and %s have nothing in common', (a, b) => expect(meet(a, b)).toBeUndefined());

  it('is commutative, idempotent, and contained in both', () => {
    fc.assert(
      fc.property(anySelector, anySelector, (a, b) => {
        const common = intersectSelectors(a, b);
        expect(intersectSelectors(b, a)).toEqual(common);
        expect(intersectSelectors(a, a)).toEqual(a);
        if (common) {
          expect(selectorContains(a, common)).toBe(true);
          expect(selectorContains(b, common)).toBe(true);
        }
        if (selectorContains(a, b)) expect(common && selectorsEqual(common, b)).toBe(true);
      }),
    );
  });

  it('gives nothing for an inverted range', () => {
    const inverted = { ...selector('10.0.0.0/8'), start: at(4, 9), end: at(4, 3) };
    expect(intersectSelectors(inverted, selector('0.0.0.0/0'))).toBeUndefined();
    const ports = { ...selector('10.0.0.0/8'), startPort: 9, endPort: 3 };
    expect(intersectSelectors(ports, selector('0.0.0.0/0'))).toBeUndefined();
  });
});

describe('narrowSelectors (RFC 7296 §2.9)', () => {
  it('keeps the order of the offer and drops what is contained in another', () => {
    const narrowed = narrowSelectors(
      [selector('10.1.2.3[udp/53]'), selector('10.0.0.0/8'), selector('::/0')],
      [selector('10.1.0.0/16'), selector('2001:db8::/32')],
    );
    expect(narrowed.map(formatSelector)).toEqual(['10.1.0.0/16', '2001:db8::/32']);
  });

  it('gives nothing when nothing is in common', () => {
    expect(narrowSelectors([selector('10.0.0.0/8')], [selector('192.168.0.0/16')])).toEqual([]);
    expect(narrowSelectors([], [selector('::/0')])).toEqual([]);
  });

  it('returns no more than a payload can carry', () => {
    const many = Array.from({ length: 300 }, (_, i) =>
      selector(`10.0.${i >> 8}.${i & 255}[tcp/${i}]`),
    );
    expect(narrowSelectors(many, [selector('0.0.0.0/0')])).toHaveLength(MAX_SELECTORS);
  });
});

describe('selectorToPrefixes', () => {
  it('splits a range into the fewest prefixes', () => {
    const prefixes = selectorToPrefixes(selector('10.0.0.1-10.0.0.6'));
    expect(prefixes.map((p) => `${p.address.bytes.join('.')}/${p.length}`)).toEqual([
      '10.0.0.1/32',
      '10.0.0.2/31',
      '10.0.0.4/31',
      '10.0.0.6/32',
    ]);
    expect(selectorToPrefixes(selector('0.0.0.0/0'))).toHaveLength(1);
  });

  it('stays bounded for the worst ranges', () => {
    expect(selectorToPrefixes(selector('0.0.0.1-255.255.255.254'))).toHaveLength(62);
    const v6 = selector('::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe');
    expect(selectorToPrefixes(v6)).toHaveLength(254);
  });

  it('covers exactly the addresses of the range', () => {
    fc.assert(
      fc.property(anySelector, fc.integer({ min: 0, max: 100 }), (ts, value) => {
        const address = at(ts.start.version, value);
        const inRange =
          compareAddresses(ts.start, address) <= 0 && compareAddresses(address, ts.end) <= 0;
        const covering = selectorToPrefixes(ts).filter((p) => prefixContains(p, address));
        expect(covering).toHaveLength(inRange ? 1 : 0);
      }),
    );
  });
});

describe('the text of a selector', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1/32'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.0.0.0/8[TCP]', '10.0.0.0/8[tcp]'],
    ['10.0.0.0/8[6/http]', '10.0.0.0/8[tcp/80]'],
    ['10.0.0.0/8[any/1024-65535]', '10.0.0.0/8[any/1024-65535]'],
    ['10.0.0.0/8[icmp/8]', '10.0.0.0/8[icmp/8(0)-8(255)]'],
    ['::/0[ipv6-icmp/128(0)]', '::/0[ipv6-icmp/128(0)]'],
    ['10.0.0.0/8[200]', '10.0.0.0/8[200]'],
    ['10.0.0.0..10.0.0.255', '10.0.0.0/24'],
  ])('%s is written %s', (given, expected) =>
    expect(formatSelector(selector(given))).toBe(expected),
  );

  it.each([
    '10.0.0.0/33',
    '10.0.0.9-10.0.0.1',
    '10.0.0.1-::1',
    '10.0.0.0/8[tcp',
    '10.0.0.0/8[tcp/80/81]',
    '10.0.0.0/8[tcp/65536]',
    '10.0.0.0/8[256]',
    '10.0.0.0/8[tcp/90-80]',
    '10.0.0.0/8[bogus]',
    'dynamic',
    '',
  ])('refuses "%s"', (text) => expect(parseSelector(text)).toBeUndefined());

  it('round-trips', () => {
    fc.assert(
      fc.property(anySelector, (ts) => {
        expect(parseSelector(formatSelector(ts))).toEqual(ts);
      }),
    );
  });
});
