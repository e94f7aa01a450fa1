import type { Instant, WakeClass } from '@ipsec-kit/clock';

/** One entry of a {@link DeadlineHeap}. */
export interface HeapEntry<Name extends string> {
  readonly sessionId: number;
  readonly name: Name;
  /** The reason, for people: `retransmit IKE_AUTH`. */
  readonly label: string;
  readonly at: Instant;
  readonly toleranceMs: number;
  readonly wake: WakeClass;
}

/** The deadlines of all sessions in a binary heap: setting and taking cost O(log n), looking at the first is free.
 * Each session has at most one deadline of a name; one that was replaced or cleared stays in the heap until it
 * surfaces, and the heap is rebuilt when such leftovers outnumber the living. Those that wake the device have a heap of
 * their own, since others that come before them must not hide them.
 */
export class DeadlineHeap<Name extends string> {
  readonly #heaps: Record<WakeClass, HeapEntry<Name>[]> = { device: [], process: [] };
  /** The same in the order in which they have to be performed at the latest. */
  readonly #closings: Record<WakeClass, HeapEntry<Name>[]> = { device: [], process: [] };
  readonly #current = new Map<number, Map<Name, HeapEntry<Name>>>();
  #living = 0;

  /** Sets or replaces a deadline of a session. */
  set(entry: HeapEntry<Name>): void {
    let named = this.#current.get(entry.sessionId);
    if (!named) {
      named = new Map();
      this.#current.set(entry.sessionId, named);
    }
    if (!named.has(entry.name)) this.#living += 1;
    named.set(entry.name, entry);
    const heap = this.#heaps[entry.wake];
    const closings = this.#closings[entry.wake];
    push(heap, entry, startOf);
    push(closings, entry, closingOf);
    // What has been replaced or cleared stays in either until it comes to the top.
    const most = Math.max(heap.length, closings.length);
    if (most > 64 && most > 2 * this.#living) this.#rebuild(entry.wake);
  }

  /** Takes one deadline of a session back. */
  clear(sessionId: number, name: Name): void {
    const named = this.#current.get(sessionId);
    if (!named?.delete(name)) return;
    this.#living -= 1;
    if (named.size === 0) this.#current.delete(sessionId);
  }

  /** Takes all deadlines of a session back. */
  clearSession(sessionId: number): void {
    const named = this.#current.get(sessionId);
    if (!named) return;
    this.#living -= named.size;
    this.#current.delete(sessionId);
  }

  /** Takes all deadlines of a session out. @returns them. */
  takeSession(sessionId: number): readonly HeapEntry<Name>[] {
    const entries = [...(this.#current.get(sessionId)?.values() ?? [])];
    this.clearSession(sessionId);
    return entries;
  }

  /** The deadlines of one session become those of the other. */
  exchange(a: number, b: number): void {
    const ofA = [...(this.#current.get(a)?.values() ?? [])];
    const ofB = [...(this.#current.get(b)?.values() ?? [])];
    this.clearSession(a);
    this.clearSession(b);
    for (const entry of ofA) this.set({ ...entry, sessionId: b });
    for (const entry of ofB) this.set({ ...entry, sessionId: a });
  }

  /** When a deadline of a session stands, or `undefined`. */
  at(sessionId: number, name: Name): Instant | undefined {
    return this.#current.get(sessionId)?.get(name)?.at;
  }

  /** The deadline of a session that comes first; it stays. */
  firstOf(sessionId: number): HeapEntry<Name> | undefined {
    let first: HeapEntry<Name> | undefined;
    for (const entry of this.#current.get(sessionId)?.values() ?? []) {
      if (!first || entry.at < first.at) first = entry;
    }
    return first;
  }

  /** The deadline that comes first, of one class or of all; it stays. */
  first(wake?: WakeClass): HeapEntry<Name> | undefined {
    if (wake) return this.#firstOf(this.#heaps[wake]);
    const device = this.#firstOf(this.#heaps.device);
    const process = this.#firstOf(this.#heaps.process);
    if (!device || !process) return device ?? process;
    return process.at < device.at ? process : device;
  }

  /** How long the first of a class, or of all, may wait: no longer than what comes behind it allows. */
  toleranceOf({ at, toleranceMs }: HeapEntry<Name>, wake?: WakeClass): number {
    const classes = wake ? [wake] : (['device', 'process'] as const);
    const closings = classes.map((one) => this.#firstOf(this.#closings[one], closingOf));
    return Math.min(
      toleranceMs,
      ...closings.flatMap((entry) => (entry ? closingOf(entry) - at : [])),
    );
  }

  #firstOf(heap: HeapEntry<Name>[], key: Key = startOf): HeapEntry<Name> | undefined {
    for (;;) {
      const top = heap[0];
      if (!top || this.#isLiving(top)) return top;
      pop(heap, key);
    }
  }

  /** Takes the deadline of a session that is due at `now` and goes before its others: the one of the lowest rank, and of
   * those the earliest. `undefined` when none is due.
   */
  takeDueOf(
    sessionId: number,
    now: Instant,
    rank: (name: Name) => number,
  ): HeapEntry<Name> | undefined {
    let first: HeapEntry<Name> | undefined;
    for (const entry of this.#current.get(sessionId)?.values() ?? []) {
      if (entry.at > now) continue;
      const order = first ? rank(entry.name) - rank(first.name) : -1;
      if (!first || order < 0 || (order === 0 && entry.at < first.at)) first = entry;
    }
    if (first) this.clear(first.sessionId, first.name);
    return first;
  }

  #isLiving(entry: HeapEntry<Name>): boolean {
    return this.#current.get(entry.sessionId)?.get(entry.name) === entry;
  }

  #rebuild(wake: WakeClass): void {
    const living = this.#heaps[wake].filter((entry) => this.#isLiving(entry));
    this.#heaps[wake] = [];
    this.#closings[wake] = [];
    for (const entry of living) {
      push(this.#heaps[wake], entry, startOf);
      push(this.#closings[wake], entry, closingOf);
    }
  }
}

type Timed = { readonly at: Instant; readonly toleranceMs: number };
type Key = (entry: Timed) => number;

function startOf({ at }: Timed): number {
  return at;
}

function closingOf({ at, toleranceMs }: Timed): number {
  return at + toleranceMs;
}

function push<Entry extends Timed>(heap: Entry[], entry: Entry, key: Key): void {
  let index = heap.push(entry) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (!above || key(above) <= key(entry)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = entry;
}

function pop<Entry extends Timed>(heap: Entry[], key: Key): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    const left = heap[child];
    if (!left) break;
    const right = heap[child + 1];
    if (right && key(right) < key(left)) child += 1;
    const smaller = right && key(right) < key(left) ? right : left;
    if (key(smaller) >= key(last)) break;
    heap[index] = smaller;
    index = child;
  }
  heap[index] = last;
}
