import {
  addressFromBytes,
  formatPrefix,
  networkPrefix,
  type Prefix,
  prefixContains,
} from '@ipsec-kit/ip';
import { PrefixTrie } from '@ipsec-kit/ipsec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** Prefixes that often share leading bits. */
const prefixes: fc.Arbitrary<Prefix[]> = fc.array(
  fc
    .tuple(fc.array(fc.constantFrom(0, 1, 128, 255), { minLength: 4, maxLength: 4 }), fc.nat(32))
    .map(([bytes, length]) =>
      networkPrefix({ address: addressFromBytes(Uint8Array.from(bytes)), length }),
    ),
  { maxLength: 30 },
);
const addresses = fc.array(fc.constantFrom(0, 1, 2, 128, 255), { minLength: 4, maxLength: 4 });

function lookup(trie: PrefixTrie<string>, address: Uint8Array): string[] {
  const found = trie.collect(address, 0);
  return trie.matches.slice(0, found).flatMap((node) => node?.values ?? []);
}

describe('a prefix trie', () => {
  it('finds exactly the prefixes that contain an address, shortest first, also after removals', () => {
    const kept = fc.array(fc.boolean(), { minLength: 30, maxLength: 30 });
    fc.assert(
      fc.property(prefixes, kept, fc.array(addresses), (all, keep, asked) => {
        const trie = new PrefixTrie<string>(4, () => 0);
        for (const [i, prefix] of all.entries())
          trie.insert(prefix, `${formatPrefix(prefix)} ${i}`);
        for (const [i, prefix] of all.entries()) {
          if (!keep[i]) trie.remove(prefix, (value) => value.endsWith(` ${i}`));
        }
        const left = all.map((prefix, i) => ({ prefix, i })).filter(({ i }) => keep[i]);
        for (const bytes of asked) {
          const address = addressFromBytes(Uint8Array.from(bytes));
          const expected = left
            .filter(({ prefix }) => prefixContains(prefix, address))
            .sort((a, b) => a.prefix.length - b.prefix.length || a.i - b.i)
            .map(({ prefix, i }) => `${formatPrefix(prefix)} ${i}`);
          expect(lookup(trie, address.bytes)).toEqual(expected);
        }
        for (const { prefix } of left) trie.remove(prefix, () => true);
        expect(trie.isEmpty).toBe(true);
      }),
    );
  });

  it('keeps the values of one prefix in order', () => {
    const trie = new PrefixTrie<string>(4, (a, b) => (a < b ? -1 : 1));
    const prefix = { address: addressFromBytes(Uint8Array.of(10, 0, 0, 0)), length: 8 };
    for (const value of ['b', 'c', 'a']) trie.insert(prefix, value);
    expect(lookup(trie, Uint8Array.of(10, 1, 2, 3))).toEqual(['a', 'b', 'c']);
  });

  it('looks at the address inside a larger memory', () => {
    const trie = new PrefixTrie<string>(6, () => 0);
    const bytes = new Uint8Array(16).fill(0x20, 0, 1);
    trie.insert({ address: addressFromBytes(bytes), length: 128 }, 'host');
    const memory = new Uint8Array(40);
    memory.set(bytes, 13);
    expect([trie.collect(memory, 13), trie.collect(memory, 12)]).toEqual([1, 0]);
  });
});
