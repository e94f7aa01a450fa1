import { addMs, type Instant } from '@ipsec-kit/clock';
import type { Endpoint } from '@ipsec-kit/ip';

/** Remote ends that one mapping remembers to have been sent to. */
const MOST_REMOTES = 256;

/** A host's port and the external one that stands for it. */
export interface NatMapping {
  readonly inside: Endpoint;
  readonly outside: Endpoint;
  readonly createdAt: Instant;
  /** When it was last kept alive. */
  readonly refreshedAt: Instant;
}

/** A mapping in the table. */
export interface Mapping extends NatMapping {
  readonly insideKey: string;
  readonly outsideKey: string;
  refreshedAt: Instant;
  /** Until when each remote end may send, by what the filter looks at. */
  readonly remotes: Map<string, Instant>;
}

/** Why a mapping left the table. */
export type MappingEnd = 'expired' | 'evicted';

/** Mappings of a NAT by either side, the one that was quiet for longest first. */
export class MappingTable {
  readonly #lifetimeMs: number;
  readonly #maxMappings: number;
  readonly #onEnd: (mapping: Mapping, end: MappingEnd) => void;
  /** In order of the last refresh: a mapping that is refreshed moves to the end. */
  readonly #byInside = new Map<string, Mapping>();
  readonly #byOutside = new Map<string, Mapping>();

  constructor(
    lifetimeMs: number,
    maxMappings: number,
    onEnd: (mapping: Mapping, end: MappingEnd) => void,
  ) {
    this.#lifetimeMs = lifetimeMs;
    this.#maxMappings = maxMappings;
    this.#onEnd = onEnd;
  }

  /** The mappings that live at `now`. */
  living(now: Instant): readonly Mapping[] {
    this.#expire(now);
    return [...this.#byInside.values()];
  }

  ofInside(key: string, now: Instant): Mapping | undefined {
    this.#expire(now);
    return this.#byInside.get(key);
  }

  ofOutside(key: string, now: Instant): Mapping | undefined {
    this.#expire(now);
    return this.#byOutside.get(key);
  }

  /** Makes room for one more, at the cost of the one that was quiet for longest. */
  makeRoom(now: Instant): void {
    this.#expire(now);
    if (this.#byInside.size < this.#maxMappings) return;
    const [quietest] = this.#byInside.values();
    if (quietest) this.#end(quietest, 'evicted');
  }

  add(mapping: Mapping): void {
    this.#byInside.set(mapping.insideKey, mapping);
    this.#byOutside.set(mapping.outsideKey, mapping);
  }

  refresh(mapping: Mapping, now: Instant): void {
    mapping.refreshedAt = now;
    this.#byInside.delete(mapping.insideKey);
    this.#byInside.set(mapping.insideKey, mapping);
  }

  /** Whoever `key` stands for may send to the mapping for its lifetime. */
  admit(mapping: Mapping, key: string, now: Instant): void {
    const { remotes } = mapping;
    remotes.delete(key);
    remotes.set(key, addMs(now, this.#lifetimeMs));
    if (remotes.size <= MOST_REMOTES) return;
    const [oldest] = remotes.keys();
    if (oldest !== undefined) remotes.delete(oldest);
  }

  admits(mapping: Mapping, key: string, now: Instant): boolean {
    const until = mapping.remotes.get(key);
    return until !== undefined && now < until;
  }

  /** Forgets everything. @returns how many mappings lived. */
  clear(now: Instant): number {
    const { length } = this.living(now);
    this.#byInside.clear();
    this.#byOutside.clear();
    return length;
  }

  #expire(now: Instant): void {
    for (const mapping of this.#byInside.values()) {
      if (now < addMs(mapping.refreshedAt, this.#lifetimeMs)) return;
      this.#end(mapping, 'expired');
    }
  }

  #end(mapping: Mapping, end: MappingEnd): void {
    this.#byInside.delete(mapping.insideKey);
    this.#byOutside.delete(mapping.outsideKey);
    this.#onEnd(mapping, end);
  }
}
