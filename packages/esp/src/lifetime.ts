import type { EspLimits } from './sa.ts';

/** Counts packets and bytes of one SA against its limits. Bytes are those of inner packets. @see RFC 4301 §4.4.2.1 */
export class Lifetime {
  packets = 0;
  bytes = 0;
  readonly #softPackets: number;
  readonly #softBytes: number;
  readonly #hardPackets: number;
  readonly #hardBytes: number;

  /** @param limits - absent ones do not limit. */
  constructor(limits: EspLimits) {
    this.#softPackets = limitOf('softPackets', limits.softPackets);
    this.#softBytes = limitOf('softBytes', limits.softBytes);
    this.#hardPackets = limitOf('hardPackets', limits.hardPackets);
    this.#hardBytes = limitOf('hardBytes', limits.hardBytes);
  }

  /** Whether a soft limit is reached: time for a new SA. */
  get softLimitReached(): boolean {
    return this.packets >= this.#softPackets || this.bytes >= this.#softBytes;
  }

  /** Whether one more packet of `length` bytes would exceed a hard limit. */
  wouldExceed(length: number): boolean {
    return this.packets + 1 > this.#hardPackets || this.bytes + length > this.#hardBytes;
  }

  /** Counts one packet. */
  add(length: number): void {
    this.packets += 1;
    this.bytes += length;
  }
}

function limitOf(name: keyof EspLimits, limit: number | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (!(limit > 0)) throw new RangeError(`"limits.${name}" expected more than 0, got ${limit}`);
  return limit;
}
