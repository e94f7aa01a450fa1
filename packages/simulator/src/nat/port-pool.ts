import type { RandomStream } from '../network/random-stream.ts';
import type { PortAssignment } from './nat-settings.ts';

/** A range of ports, both ends included. */
interface PortRange {
  readonly first: number;
  readonly last: number;
}

// RFC 4787 §4.2.1 (REQ-3a): a host's port below 1024 is mapped to one below 1024, the others to one from there on.
const WELL_KNOWN: PortRange = { first: 1, last: 1023 };
const OTHERS: PortRange = { first: 1024, last: 65_535 };

/** Ports of one external address. No two mappings have the same one: RFC 4787 §4.2.1 (REQ-3) forbids overloading. */
export class PortPool {
  readonly #assignment: PortAssignment;
  readonly #random: RandomStream;
  readonly #taken = new Set<number>();
  readonly #next = new Map<PortRange, number>();

  constructor(assignment: PortAssignment, random: RandomStream) {
    this.#assignment = assignment;
    this.#random = random;
  }

  /** Takes a port for a host's; `undefined` when its range is used up. */
  take(hostPort: number): number | undefined {
    const range = hostPort <= WELL_KNOWN.last ? WELL_KNOWN : OTHERS;
    const port = this.#isKept(hostPort) ? hostPort : this.#freeFrom(range, this.#begin(range));
    if (port !== undefined) this.#taken.add(port);
    return port;
  }

  free(port: number): void {
    this.#taken.delete(port);
  }

  /** All ports are free again; those in sequence go on from where they were. */
  clear(): void {
    this.#taken.clear();
  }

  #isKept(hostPort: number): boolean {
    return this.#assignment === 'preserving' && hostPort !== 0 && !this.#taken.has(hostPort);
  }

  #begin(range: PortRange): number {
    const size = range.last - range.first + 1;
    const known = this.#assignment === 'sequential' ? this.#next.get(range) : undefined;
    return known ?? range.first + this.#random.below(size);
  }

  #freeFrom(range: PortRange, begin: number): number | undefined {
    const size = range.last - range.first + 1;
    for (let tried = 0; tried < size; tried += 1) {
      const port = range.first + ((begin - range.first + tried) % size);
      if (this.#taken.has(port)) continue;
      this.#next.set(range, port === range.last ? range.first : port + 1);
      return port;
    }
    return undefined;
  }
}
