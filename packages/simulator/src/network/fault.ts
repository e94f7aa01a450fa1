import type { Datagram } from './datagram.ts';
import type { Passage } from './middlebox.ts';

/** What a test does to one datagram; nothing lets it pass as it is. */
export interface Decision {
  drop(): void;
  /** Holds it back by so many milliseconds. */
  delay(ms: number): void;
  /** Sends a copy as well, so many milliseconds later. */
  duplicate(afterMs?: number): void;
  /** Replaces what it carries. */
  replace(data: Uint8Array): void;
}

/** Decides on every datagram that a host sends, before anything else happens to it. */
export type DatagramHook = (datagram: Datagram, decide: Decision) => void;

/** A decision and what follows from it. */
export class Fault implements Decision {
  #datagram: Datagram;
  #delayMs = 0;
  #isDropped = false;
  readonly #copiesAfterMs: number[] = [];

  constructor(datagram: Datagram) {
    this.#datagram = datagram;
  }

  drop(): void {
    this.#isDropped = true;
  }

  delay(ms: number): void {
    this.#delayMs += requireDelay(ms);
  }

  duplicate(afterMs: number = 0): void {
    this.#copiesAfterMs.push(requireDelay(afterMs));
  }

  replace(data: Uint8Array): void {
    this.#datagram = { ...this.#datagram, data: data.slice() };
  }

  /** What leaves: the datagram unless it was dropped, and its copies. */
  passages(): readonly Passage[] {
    const datagram = this.#datagram;
    const original = this.#isDropped ? [] : [{ datagram, delayMs: this.#delayMs }];
    return [...original, ...this.#copiesAfterMs.map((delayMs) => ({ datagram, delayMs }))];
  }
}

function requireDelay(ms: number): number {
  if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`"ms" expected a delay of 0 or more milliseconds, got ${ms}`);
  }
  return ms;
}
