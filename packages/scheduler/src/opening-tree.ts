import type { Instant } from '@ipsec-kit/clock';

/** A place in an {@link OpeningTree}: what `add` returned, to remove the value later. */
export interface OpeningTreeEntry<T> {
  readonly at: Instant;
  readonly value: T;
}

interface Node<T> extends OpeningTreeEntry<T> {
  /** Registration order: the tie-break between equal instants. */
  readonly order: number;
  /** Heap order of the treap. */
  readonly weight: number;
  left: Node<T> | undefined;
  right: Node<T> | undefined;
}

/** Values in order of time, which can also say what comes last before a given time: a treap, since a heap cannot.
 * All but {@link OpeningTree.visitUntil} cost O(log n) on average, whatever the order of insertion.
 */
export class OpeningTree<T> {
  #root: Node<T> | undefined;
  #registered = 0;

  /** The entry that comes first, or `undefined` when there is none. */
  get first(): OpeningTreeEntry<T> | undefined {
    let node = this.#root;
    while (node?.left !== undefined) node = node.left;
    return node;
  }

  /** The last entry that is not later than `limit`, or `undefined` when all are. */
  lastUntil(limit: Instant): OpeningTreeEntry<T> | undefined {
    let found: Node<T> | undefined;
    let node = this.#root;
    while (node !== undefined) {
      if (node.at > limit) {
        node = node.left;
      } else {
        found = node;
        node = node.right;
      }
    }
    return found;
  }

  add(at: Instant, value: T): OpeningTreeEntry<T> {
    const order = this.#registered++;
    const node: Node<T> = {
      at,
      value,
      order,
      weight: scrambled(order),
      left: undefined,
      right: undefined,
    };
    this.#root = insert(this.#root, node);
    return node;
  }

  /** Takes an entry of this tree out; it has to be in it. */
  remove(entry: OpeningTreeEntry<T>): void {
    this.#root = without(this.#root, entry as Node<T>);
  }

  /** Visits every entry that is not later than `until`, in order of time; what lies beyond is not touched. */
  visitUntil(until: Instant, visit: (value: T) => void): void {
    const open: Node<T>[] = [];
    let node = this.#root;
    while (node !== undefined || open.length > 0) {
      for (; node !== undefined; node = node.left) open.push(node);
      const next = open.pop();
      if (next === undefined || next.at > until) return;
      visit(next.value);
      node = next.right;
    }
  }
}

function comesBefore<T>(a: Node<T>, b: Node<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function insert<T>(root: Node<T> | undefined, node: Node<T>): Node<T> {
  if (root === undefined) return node;
  if (node.weight > root.weight) {
    [node.left, node.right] = split(root, node);
    return node;
  }
  if (comesBefore(node, root)) root.left = insert(root.left, node);
  else root.right = insert(root.right, node);
  return root;
}

/** What comes before `at`, and what comes behind. */
function split<T>(
  root: Node<T> | undefined,
  at: Node<T>,
): [before: Node<T> | undefined, behind: Node<T> | undefined] {
  if (root === undefined) return [undefined, undefined];
  if (comesBefore(root, at)) {
    const [before, behind] = split(root.right, at);
    root.right = before;
    return [root, behind];
  }
  const [before, behind] = split(root.left, at);
  root.left = behind;
  return [before, root];
}

function without<T>(root: Node<T> | undefined, node: Node<T>): Node<T> | undefined {
  if (root === undefined) throw new Error('the entry is not in this tree');
  if (root === node) return merge(root.left, root.right);
  if (comesBefore(node, root)) root.left = without(root.left, node);
  else root.right = without(root.right, node);
  return root;
}

function merge<T>(left: Node<T> | undefined, right: Node<T> | undefined): Node<T> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.weight > right.weight) {
    left.right = merge(left.right, right);
    return left;
  }
  right.left = merge(left, right.left);
  return right;
}

/** Spreads consecutive numbers evenly over 32 bits, the same way every time (the finisher of MurmurHash3). */
function scrambled(order: number): number {
  let bits = order | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
