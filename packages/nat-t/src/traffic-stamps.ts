import type { Instant } from '@ipsec-kit/clock';

/** When a packet last came or left, of each kind; `undefined` before the first. Inbound means authenticated. The four are kept
 * apart because they prove different things: what came in shows that the peer lives, what went out renews a mapping.
 */
export interface TrafficStamps {
  readonly inIke?: Instant | undefined;
  readonly inEsp?: Instant | undefined;
  readonly outIke?: Instant | undefined;
  readonly outEsp?: Instant | undefined;
}

/** Keeps {@link TrafficStamps} that only go forward, and the time of the last NAT-keepalive beside them. */
export class TrafficRecord implements TrafficStamps {
  readonly #start: Instant;
  inIke: Instant | undefined;
  inEsp: Instant | undefined;
  outIke: Instant | undefined;
  outEsp: Instant | undefined;
  /** A 0xFF: it renews the mapping and is neither IKE nor ESP. */
  outKeepalive: Instant | undefined;

  /** @param start - counts as the last packet either way until there is one. */
  constructor(start: Instant) {
    this.#start = start;
  }

  /** Takes over what is newer than what is known. */
  merge(stamps: TrafficStamps): void {
    this.inIke = later(this.inIke, stamps.inIke);
    this.inEsp = later(this.inEsp, stamps.inEsp);
    this.outIke = later(this.outIke, stamps.outIke);
    this.outEsp = later(this.outEsp, stamps.outEsp);
  }

  /** When the peer was last heard: IKE or ESP. */
  get lastInbound(): Instant {
    return later(this.inIke, this.inEsp) ?? this.#start;
  }

  /** When something last left that renews a mapping: IKE, ESP or 0xFF. */
  get lastOutbound(): Instant {
    return later(later(this.outIke, this.outEsp), this.outKeepalive) ?? this.#start;
  }
}

function later(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}
