import { formatAddress, packPath, parseAddress } from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAddressTextCache } from '../src/address-text-cache.ts';

const addressBytes = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);

describe('createAddressTextCache', () => {
  it('gives the same text and bytes as without a cache, also when slots are shared', () => {
    const cache = createAddressTextCache();
    fc.assert(
      fc.property(fc.array(addressBytes, { minLength: 1, maxLength: 50 }), (all) => {
        for (const bytes of [...all, ...all]) {
          const version = bytes.length === 4 ? 4 : 6;
          const address = { version, bytes } as const;
          const end = { address, port: 1 };
          const packed = packPath({ local: end, remote: end });
          const text = formatAddress(address);
          expect(cache.textAt(packed, 18, version)).toBe(text);
          const expected = parseAddress(text)?.version === 4 ? packed.slice(0, 16) : bytes;
          expect(cache.bytesOf(text)).toEqual(expected);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('ignores the zone of a link-local address and refuses what is no address', () => {
    const cache = createAddressTextCache();
    expect(cache.bytesOf('fe80::1%eth0')).toEqual(parseAddress('fe80::1')?.bytes);
    expect(cache.bytesOf('example.org')).toBeUndefined();
  });
});
