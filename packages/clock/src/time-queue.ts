import type { Instant } from './instant.ts';

/** A place in a {@link TimeQueue}: what `add` returned, to remove or move the value later. */
export interface TimeQueueEntry<T, Source extends string = string> {
  readonly at: Instant<Source>;
  readonly value: T;
}

interface Slot<T, Source extends string> extends TimeQueueEntry<T, Source> {
  at: Instant<Source>;
  /** Registration order: the tie-break that keeps equal instants deterministic. */
  order: number;
  /** Index in the heap; -1 once it has left. */
  index: number;
  readonly owner: TimeQueue<T, Source>;
}

/** Values in order of time, and of registration where times are equal: a binary heap.
 * `add`, `remove`, `move` and `takeFirst` are O(log n), `first` is O(1).
 */
export class TimeQueue<T, Source extends string = string> {
  readonly #heap: Slot<T, Source>[] = [];
  #registered = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The entry that comes first, or `undefined` when the queue is empty. */
  get first(): TimeQueueEntry<T, Source> | undefined {
    return this.#heap[0];
  }

  /** Adds `value` behind everything that has the same instant.
   * @throws RangeError when `at` is not a number of milliseconds: NaN would break the order silently.
   */
  add(at: Instant<Source>, value: T): TimeQueueEntry<T, Source> {
    requireOrdered(at);
    const slot: Slot<T, Source> = { at, value, order: this.#registered++, index: -1, owner: this };
    this.#rise(slot, this.#heap.length);
    return slot;
  }

  /** Takes an entry out; false when it was not in the queue any more. */
  remove(entry: TimeQueueEntry<T, Source>): boolean {
    const slot = this.#slotOf(entry);
    if (slot === undefined) return false;
    const hole = slot.index;
    slot.index = -1;
    const last = this.#heap.pop();
    if (last !== undefined && last !== slot) this.#settle(last, hole);
    return true;
  }

  /** Gives an entry another instant, behind everything that has it already; false when it was not in the queue any more. */
  move(entry: TimeQueueEntry<T, Source>, at: Instant<Source>): boolean {
    requireOrdered(at);
    const slot = this.#slotOf(entry);
    if (slot === undefined) return false;
    slot.at = at;
    slot.order = this.#registered++;
    this.#settle(slot, slot.index);
    return true;
  }

  /** Takes out and returns the first entry, or `undefined` when the queue is empty. */
  takeFirst(): TimeQueueEntry<T, Source> | undefined {
    const first = this.#heap[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Visits every entry that is not later than `until`, in no particular order and without touching the others. */
  visitUntil(until: Instant<Source>, visit: (entry: TimeQueueEntry<T, Source>) => void): void {
    const open = [0];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      const slot = this.#heap[index];
      // Children are never earlier than their parent, so a late parent ends its branch.
      if (slot === undefined || slot.at > until) continue;
      visit(slot);
      open.push(2 * index + 1, 2 * index + 2);
    }
  }

  #slotOf(entry: TimeQueueEntry<T, Source>): Slot<T, Source> | undefined {
    const slot = entry as Slot<T, Source>;
    return slot.owner === this && slot.index >= 0 ? slot : undefined;
  }

  #settle(slot: Slot<T, Source>, index: number): void {
    const parent = this.#heap[(index - 1) >> 1];
    if (index > 0 && parent !== undefined && comesBefore(slot, parent)) this.#rise(slot, index);
    else this.#sink(slot, index);
  }

  #rise(slot: Slot<T, Source>, start: number): void {
    let index = start;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || !comesBefore(slot, parent)) break;
      this.#place(parent, index);
      index = above;
    }
    this.#place(slot, index);
  }

  #sink(slot: Slot<T, Source>, start: number): void {
    let index = start;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      if (left === undefined) break;
      const child = right !== undefined && comesBefore(right, left) ? right : left;
      if (!comesBefore(child, slot)) break;
      const below = child.index;
      this.#place(child, index);
      index = below;
    }
    this.#place(slot, index);
  }

  #place(slot: Slot<T, Source>, index: number): void {
    this.#heap[index] = slot;
    slot.index = index;
  }
}

function comesBefore<T, Source extends string>(a: Slot<T, Source>, b: Slot<T, Source>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function requireOrdered(at: Instant): void {
  if (Number.isNaN(at)) throw new RangeError('"at" expected milliseconds on a clock, got NaN');
}
