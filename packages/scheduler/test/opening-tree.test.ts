import { instantFromMs } from '@ipsec-kit/clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpeningTree, type OpeningTreeEntry } from '../src/opening-tree.ts';

describe('OpeningTree', () => {
  it('agrees with a sorted list, whatever is added, removed and asked', () => {
    const step = fc.record({ at: fc.nat({ max: 30 }), remove: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const tree = new OpeningTree<number>();
        const list: OpeningTreeEntry<number>[] = [];
        steps.forEach(({ at, remove, which }, id) => {
          const victim = list[which % Math.max(1, list.length)];
          if (remove && victim) {
            tree.remove(victim);
            list.splice(list.indexOf(victim), 1);
          } else {
            list.push(tree.add(instantFromMs(at), id));
            list.sort((a, b) => a.at - b.at || a.value - b.value);
          }
          const limit = instantFromMs(at);
          expect(tree.first).toBe(list[0]);
          expect(tree.lastUntil(limit)).toBe(list.filter((entry) => entry.at <= limit).at(-1));
          const visited: number[] = [];
          tree.visitUntil(limit, (value) => visited.push(value));
          expect(visited).toEqual(list.filter((e) => e.at <= limit).map((e) => e.value));
        });
      }),
    );
  });

  it('stays shallow when times only grow, and when they only fall', () => {
    for (const sign of [1, -1]) {
      const tree = new OpeningTree<number>();
      for (let i = 0; i < 50_000; i += 1) tree.add(instantFromMs(sign * i), i);
      // A degenerate tree would overflow the stack of the recursion long before.
      const entry = tree.add(instantFromMs(sign * 25_000), -1);
      expect(tree.lastUntil(instantFromMs(sign * 25_000))).toBe(entry);
      tree.remove(entry);
    }
  });

  it('refuses an entry that it does not hold', () => {
    const tree = new OpeningTree<number>();
    const entry = tree.add(instantFromMs(1), 1);
    tree.remove(entry);
    expect(() => tree.remove(entry)).toThrow('not in this tree');
  });
});
