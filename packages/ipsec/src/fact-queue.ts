import { type IpAddress, pathsEqual, readPackedPath, type TrafficSelector } from '@ipsec-kit/ip';
import type { Fact } from './engine.ts';

const NO_FACTS: readonly Fact[] = [];
/** Most unknown SPIs that are told between two drains. */
const MAX_UNKNOWN_SPI_FACTS = 16;

/** Unknown SPIs that are remembered, so that each is told once. */
const REMEMBERED_SPIS = 64;

/** Facts on their way to the control plane: bounded, and each told when it becomes true, not for every packet. */
export class FactQueue {
  readonly #capacity: number;
  #facts: Fact[] = roomForFacts();
  #unknownSpis = 0;
  readonly #recentSpis = new Int32Array(REMEMBERED_SPIS);
  #nextRecent = 0;
  /** Whether a fact was refused since the last {@link drain}: whoever has it is to tell it again. */
  hasRefused = false;

  /** @param capacity - facts between two drains; more are refused and told later, while they are still true. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Tells a fact about a pair. @returns false when the queue is full. */
  tell(kind: 'first-inbound' | 'soft-limit' | 'hard-limit', pairId: number): boolean {
    // Asked before anything is made: without room this comes again with every packet.
    return this.#hasRoom() && this.#push({ kind, pairId });
  }

  /** Tells that a probe was answered. @returns false when the queue is full: the probe then counts as lost. */
  tellProbeAnswered(pairId: number, sequence: number): boolean {
    return (
      this.#facts.length < this.#capacity &&
      this.#push({ kind: 'probe-answered', pairId, sequence })
    );
  }

  /** Tells whom a packet of a pair came from. @returns false when the queue is full: the next packet is as good. */
  tellSource(pairId: number, source: IpAddress): boolean {
    return (
      this.#facts.length < this.#capacity && this.#push({ kind: 'inbound-source', pairId, source })
    );
  }

  /** Tells that a trap wants an SA for a packet. @returns false when the queue is full. */
  tellAcquire(trapId: number, local: TrafficSelector, remote: TrafficSelector): boolean {
    return this.#hasRoom() && this.#push({ kind: 'acquire', trapId, local, remote });
  }

  /** Tells that a peer moved; a move of the same pair that was not drained yet is replaced, and its bytes count with it when it
   * is to the same path.
   */
  tellPeerMoved(pairId: number, paths: Uint8Array, index: number, bytes: number): boolean {
    const path = readPackedPath(paths, index);
    const fact = { kind: 'peer-moved', pairId, path, bytes } as const;
    const at = this.#facts.findIndex((f) => f.kind === 'peer-moved' && f.pairId === pairId);
    const pending = this.#facts[at];
    if (pending?.kind === 'peer-moved') {
      const before = pathsEqual(pending.path, path) ? pending.bytes : 0;
      this.#facts[at] = { ...fact, bytes: bytes + before };
      return true;
    }
    return this.#hasRoom() && this.#push(fact);
  }

  /** Tells an SPI that no SA has, once, while it is among the last that were told. */
  tellUnknownSpi(spi: number, paths: Uint8Array, index: number): void {
    if (this.#unknownSpis >= MAX_UNKNOWN_SPI_FACTS || this.#facts.length >= this.#capacity) return;
    // SPI 0 is never sent by a peer (RFC 4303 §2.1), and it marks free places here.
    if (spi === 0 || this.#recentSpis.includes(spi | 0)) return;
    this.#recentSpis[this.#nextRecent] = spi;
    this.#nextRecent = (this.#nextRecent + 1) % REMEMBERED_SPIS;
    this.#unknownSpis += 1;
    this.#facts.push({ kind: 'unknown-spi', spi, path: readPackedPath(paths, index) });
  }

  /** Forgets that this SPI was unknown. */
  forgetUnknownSpi(spi: number): void {
    const place = this.#recentSpis.indexOf(spi | 0);
    if (place >= 0) this.#recentSpis[place] = 0;
  }

  /** Hands over what was told since the last time, in order. */
  drain(): readonly Fact[] {
    const facts = this.#facts;
    if (facts.length === 0) return NO_FACTS;
    this.#facts = roomForFacts();
    this.#unknownSpis = 0;
    this.hasRefused = false;
    return facts;
  }

  #hasRoom(): boolean {
    if (this.#facts.length < this.#capacity) return true;
    this.hasRefused = true;
    return false;
  }

  #push(fact: Fact): true {
    this.#facts.push(fact);
    return true;
  }
}

/** An empty array of objects. V8 takes `[]` for one of numbers until something is put in, and code that was compiled for others is
 * void then.
 */
function roomForFacts(): Fact[] {
  const facts: Fact[] = [{ kind: 'first-inbound', pairId: 0 }];
  facts.length = 0;
  return facts;
}
