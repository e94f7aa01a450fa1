import { addMs, type Instant } from '@ipsec-kit/clock';
import { type Path, pathsEqual } from '@ipsec-kit/ip';

const FORGOTTEN_AFTER_MS = 60_000;
const MOST_PATHS = 64;

/** Paths that the peer has refused, for a minute: its policy, or a NAT on the way, may be another then. */
export class RefusedPaths {
  #entries: readonly { readonly path: Path; readonly until: Instant }[] = [];

  add(now: Instant, path: Path): void {
    const others = this.#entries.filter((entry) => !pathsEqual(entry.path, path));
    const until = addMs(now, FORGOTTEN_AFTER_MS);
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
