import { addMs, type Deadline, type Instant } from '@ipsec-kit/clock';
import { type Path, pathsEqual } from '@ipsec-kit/ip';

/** Mappings that are kept beside the one in use, unless told otherwise. */
const DEFAULT_MOST_PATHS = 4;
/** Least time between two rounds, however often the paths change. */
const LEAST_MS = 1_000;

/** How often, and for how many paths: `intervalMs` is at least 1000. */
export interface StandbyKeepalivesOptions {
  readonly intervalMs: number;
  /** Most paths that are kept; default 4, the first of the list. */
  readonly mostPaths?: number;
}

/** Keeps the NAT mappings to a peer's other addresses alive, so that it can move to one of them and reach us there at once: its
 * request from an address that we never sent to would not come through.
 * @see RFC 4555 §3.6
 */
export class StandbyKeepalives {
  readonly #intervalMs: number;
  readonly #mostPaths: number;
  #paths: readonly Path[] = [];
  #sentAt: Instant | undefined;
  #hasNew = false;

  constructor({ intervalMs, mostPaths }: StandbyKeepalivesOptions) {
    if (!Number.isFinite(intervalMs) || intervalMs < 1_000) {
      throw new RangeError(`"intervalMs" expected at least 1000 milliseconds, got ${intervalMs}`);
    }
    this.#intervalMs = intervalMs;
    this.#mostPaths = mostPaths ?? DEFAULT_MOST_PATHS;
  }

  /** Sets the paths, without the one in use; when one is new, all are due at once, but not within a second of the round before. */
  setPaths(paths: readonly Path[], current: Path): void {
    const kept = paths.filter((path) => !pathsEqual(path, current)).slice(0, this.#mostPaths);
    if (kept.some((path) => !this.#paths.some((known) => pathsEqual(known, path)))) {
      this.#hasNew = true;
    }
    this.#paths = kept;
  }

  /** The paths on which a 0xFF is to be sent now; they count as sent. */
  onTimeout(now: Instant): readonly Path[] {
    if (now < this.#dueAt(now)) return [];
    if (this.#paths.length > 0) {
      this.#sentAt = now;
      this.#hasNew = false;
    }
    return this.#paths;
  }

  /** When the next are due; `undefined` while there are none. */
  nextDeadline(now: Instant): Deadline | undefined {
    if (this.#paths.length === 0) return undefined;
    return {
      name: 'standby keepalive',
      at: this.#dueAt(now),
      // Wide, to ride on the keepalive of the path in use.
      toleranceMs: this.#intervalMs / 4,
      wake: 'device',
    };
  }

  #dueAt(now: Instant): Instant {
    if (this.#sentAt === undefined) return now;
    return addMs(this.#sentAt, this.#hasNew ? LEAST_MS : this.#intervalMs);
  }
}
