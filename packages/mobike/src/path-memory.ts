import { addMs, type Instant } from '@ipsec-kit/clock';
import { type Path, pathsEqual } from '@ipsec-kit/ip';

const MOST_PATHS = 64;

/** Paths about which something is known for a while. Bounded: the last of them. */
export class PathMemory {
  readonly #forgottenAfterMs: number;
  #entries: readonly { readonly path: Path; readonly until: Instant }[] = [];

  constructor(forgottenAfterMs: number) {
    this.#forgottenAfterMs = forgottenAfterMs;
  }

  add(now: Instant, path: Path): void {
    const others = this.#entries.filter((entry) => !pathsEqual(entry.path, path));
    const until = addMs(now, this.#forgottenAfterMs);
    this.#entries = [...others, { path, until }].slice(-MOST_PATHS);
  }

  has(now: Instant, path: Path): boolean {
    return this.#entries.some((entry) => now < entry.until && pathsEqual(entry.path, path));
  }

  /** When the first of them counts no more. */
  get firstForgotten(): Instant | undefined {
    return this.#entries[0]?.until;
  }

  clear(): void {
    this.#entries = [];
  }
}
