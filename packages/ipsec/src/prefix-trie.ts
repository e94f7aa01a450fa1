import { addressBits, leadingBitsEqual, networkPrefix, type Prefix } from '@ipsec-kit/ip';

/** A place in a {@link PrefixTrie}: a prefix and what was stored under it, which may be nothing at a mere branch. */
export interface TrieNode<Value> {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly values: Value[];
  /** Whether `values` has any: read on every step of a lookup, so it lies in the node. */
  hasValues: boolean;
  zero: TrieNode<Value> | undefined;
  one: TrieNode<Value> | undefined;
}

/** A path-compressed binary trie over the prefixes of one address family. A lookup visits one node per branch on
 * its way, some 14 for 10,000 addresses, and allocates nothing.
 */
export class PrefixTrie<Value> {
  readonly #bits: number;
  readonly #order: (a: Value, b: Value) => number;
  #root: TrieNode<Value> | undefined;
  /** What {@link collect} found last, shortest prefix first; only as many entries as it returned are valid. */
  readonly matches: (TrieNode<Value> | undefined)[];

  /** @param order - how the values under one prefix are sorted. */
  constructor(version: 4 | 6, order: (a: Value, b: Value) => number) {
    this.#bits = addressBits(version);
    this.#order = order;
    this.matches = new Array<TrieNode<Value> | undefined>(this.#bits + 1).fill(undefined);
  }

  /** Whether nothing is stored. */
  get isEmpty(): boolean {
    return this.#root === undefined;
  }

  /** Stores a value under a prefix; several may share one. */
  insert(prefix: Prefix, value: Value): void {
    this.#root = this.#insert(this.#root, networkPrefix(prefix), value);
  }

  /** Takes out the values under a prefix that `matches` names, and the nodes that are no longer needed. */
  remove(prefix: Prefix, matches: (value: Value) => boolean): void {
    this.#root = this.#remove(this.#root, networkPrefix(prefix), matches);
  }

  /** Collects in {@link matches} every node with values whose prefix contains the address at `offset`.
   * @returns how many there are.
   */
  collect(memory: Uint8Array, offset: number): number {
    let found = 0;
    let node = this.#root;
    while (node !== undefined) {
      // A mere branch is not compared: on a wrong way the first node with values, or the end, tells.
      if (node.hasValues) {
        if (!leadingBitsEqual(node.bytes, 0, memory, offset, node.length)) break;
        this.matches[found] = node;
        found += 1;
      }
      if (node.length === this.#bits) break;
      node = bitAt(memory, offset, node.length) === 0 ? node.zero : node.one;
    }
    return found;
  }

  #insert(node: TrieNode<Value> | undefined, prefix: Prefix, value: Value): TrieNode<Value> {
    const { bytes } = prefix.address;
    if (!node) return leaf(bytes, prefix.length, [value]);
    const common = commonBits(node.bytes, bytes, Math.min(node.length, prefix.length));
    if (common === node.length && common === prefix.length) {
      node.values.push(value);
      node.hasValues = true;
      node.values.sort(this.#order);
      return node;
    }
    if (common === node.length) {
      setChild(node, bytes, this.#insert(childOf(node, bytes), prefix, value));
      return node;
    }
    // The new prefix parts from this node before its end: a node above takes both.
    const above = leaf<Value>(bytes, common, []);
    setChild(above, node.bytes, node);
    if (common === prefix.length) {
      above.values.push(value);
      above.hasValues = true;
    } else setChild(above, bytes, leaf(bytes, prefix.length, [value]));
    return above;
  }

  #remove(
    node: TrieNode<Value> | undefined,
    prefix: Prefix,
    matches: (value: Value) => boolean,
  ): TrieNode<Value> | undefined {
    const { bytes } = prefix.address;
    if (!node || node.length > prefix.length) return node;
    if (!leadingBitsEqual(node.bytes, 0, bytes, 0, node.length)) return node;
    if (node.length === prefix.length) {
      for (let i = node.values.length - 1; i >= 0; i -= 1) {
        const value = node.values[i];
        if (value !== undefined && matches(value)) node.values.splice(i, 1);
      }
      node.hasValues = node.values.length > 0;
    } else {
      setChild(node, bytes, this.#remove(childOf(node, bytes), prefix, matches));
    }
    if (node.values.length > 0 || (node.zero && node.one)) return node;
    return node.zero ?? node.one;
  }
}

function leaf<Value>(bytes: Uint8Array, length: number, values: Value[]): TrieNode<Value> {
  return { bytes, length, values, hasValues: values.length > 0, zero: undefined, one: undefined };
}

function childOf<Value>(node: TrieNode<Value>, bytes: Uint8Array): TrieNode<Value> | undefined {
  return bitAt(bytes, 0, node.length) === 0 ? node.zero : node.one;
}

function setChild<Value>(
  node: TrieNode<Value>,
  bytes: Uint8Array,
  child: TrieNode<Value> | undefined,
): void {
  if (bitAt(bytes, 0, node.length) === 0) node.zero = child;
  else node.one = child;
}

function bitAt(memory: Uint8Array, offset: number, bit: number): number {
  return ((memory[offset + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1;
}

function commonBits(a: Uint8Array, b: Uint8Array, most: number): number {
  let bits = 0;
  while (bits < most && bitAt(a, 0, bits) === bitAt(b, 0, bits)) bits += 1;
  return bits;
}
