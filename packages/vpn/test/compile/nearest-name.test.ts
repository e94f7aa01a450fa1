import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearestName } from '../../src/compile/nearest-name.ts';

describe('the nearest name', () => {
  it.each<[string, string, number]>([
    ['', '', 0],
    ['abc', '', 3],
    ['abc', 'abd', 1],
    ['abc', 'acb', 1],
    ['abc', 'ab', 1],
    ['kitten', 'sitting', 3],
  ])('counts the edits from %j to %j', (a, b, edits) => {
    expect(editDistance(a, b)).toBe(edits);
    expect(editDistance(b, a)).toBe(edits);
  });

  it('is the first of equals, in any case', () => {
    expect(nearestName('ENCAB', ['mobike', 'encap', 'encad'])).toBe('encap');
    expect(nearestName('x', [])).toBeUndefined();
    expect(nearestName('x'.repeat(65), ['encap'])).toBeUndefined();
  });

  it('is never farther than any other', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    fc.assert(
      fc.property(name, fc.array(name, { minLength: 1, maxLength: 8 }), (wanted, known) => {
        const nearest = nearestName(wanted, known) ?? '';
        const least = Math.min(...known.map((one) => editDistance(wanted, one)));
        expect(editDistance(wanted, nearest)).toBe(least);
      }),
    );
  });
});
