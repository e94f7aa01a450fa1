import type { Instant } from '@ipsec-kit/clock';
import type { Endpoint } from '@ipsec-kit/ip';
import type { Datagram } from './datagram.ts';

/** What happened to a datagram, as plain data. */
export type TraceEntry =
  /** A host sent it; the only entry that carries the bytes. */
  | { readonly kind: 'sent'; readonly at: Instant; readonly datagram: Datagram }
  | {
      /** It arrived at a host; a duplicated one does so more than once. */
      readonly kind: 'delivered';
      readonly at: Instant;
      readonly index: number;
      readonly host: string;
      /** Milliseconds since it was sent. */
      readonly afterMs: number;
    }
  | {
      /** It was lost: in a middlebox, by the hook of a test, or because nobody has the address. */
      readonly kind: 'lost';
      readonly at: Instant;
      readonly index: number;
      readonly where: string;
    }
  | {
      readonly kind: 'duplicated';
      readonly at: Instant;
      readonly index: number;
      readonly where: string;
      readonly copies: number;
    }
  | {
      /** A NAT passed it on with other ends. */
      readonly kind: 'translated';
      readonly at: Instant;
      readonly index: number;
      readonly where: string;
      readonly from: Endpoint;
      readonly to: Endpoint;
      readonly isNewMapping: boolean;
    }
  | {
      /** Something happened that is about no datagram. */
      readonly kind: 'noted';
      readonly at: Instant;
      readonly who: string;
      readonly what: string;
    };

/** The last entries of a trace: the oldest go when it is full. */
export class NetworkTrace {
  readonly #capacity: number;
  readonly #maxBytes: number;
  #entries: TraceEntry[] = [];
  /** Entries before this one are gone; they are cleared away in bulk. */
  #first = 0;
  #bytes = 0;
  #forgotten = 0;

  /** @param capacity - most entries. @param maxBytes - most bytes of datagrams. */
  constructor(capacity: number, maxBytes: number) {
    this.#capacity = capacity;
    this.#maxBytes = maxBytes;
  }

  add(entry: TraceEntry): void {
    this.#entries.push(entry);
    this.#bytes += bytesOf(entry);
    while (this.#length > this.#capacity || this.#bytes > this.#maxBytes) this.#forgetFirst();
  }

  /** The entries that are left, oldest first; a copy. */
  entries(): readonly TraceEntry[] {
    return this.#entries.slice(this.#first);
  }

  /** How many entries are gone. */
  get forgotten(): number {
    return this.#forgotten;
  }

  get #length(): number {
    return this.#entries.length - this.#first;
  }

  #forgetFirst(): void {
    const entry = this.#entries[this.#first];
    this.#bytes -= entry ? bytesOf(entry) : 0;
    this.#first += 1;
    this.#forgotten += 1;
    if (this.#first <= this.#length) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}

function bytesOf(entry: TraceEntry): number {
  return entry.kind === 'sent' ? entry.datagram.data.length : 0;
}
