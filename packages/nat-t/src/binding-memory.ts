/** What is known of the mappings of one network. Plain data, to be stored across restarts. */
export interface BindingKnowledge {
  /** A mapping lived for this long without a packet. */
  readonly aliveMs: number;
  /** One did not live for this long; absent when none was ever seen to die. */
  readonly deadMs?: number;
  /** The keepalive interval that follows. */
  readonly keepaliveMs: number;
  /** How often a mapping was gone although the interval was kept. */
  readonly misses: number;
  /** Nothing was measured since the last of them. */
  readonly isDistrusted: boolean;
}

const DEFAULT_MOST_NETWORKS = 64;

/** Remembers {@link BindingKnowledge} per network, the least recently used of too many forgotten. */
export class BindingMemory {
  readonly #mostNetworks: number;
  readonly #byNetwork = new Map<string, BindingKnowledge>();

  /** @param entries - what {@link BindingMemory.entries} gave before, the least recently used first. */
  constructor(
    entries: Iterable<readonly [network: string, knowledge: BindingKnowledge]> = [],
    mostNetworks: number = DEFAULT_MOST_NETWORKS,
  ) {
    this.#mostNetworks = mostNetworks;
    for (const [network, knowledge] of entries) this.set(network, knowledge);
  }

  /** What is known of a network, which counts as used. */
  get(network: string): BindingKnowledge | undefined {
    const knowledge = this.#byNetwork.get(network);
    if (knowledge !== undefined) this.set(network, knowledge);
    return knowledge;
  }

  set(network: string, knowledge: BindingKnowledge): void {
    this.#byNetwork.delete(network);
    this.#byNetwork.set(network, knowledge);
    for (const oldest of this.#byNetwork.keys()) {
      if (this.#byNetwork.size <= this.#mostNetworks) break;
      this.#byNetwork.delete(oldest);
    }
  }

  delete(network: string): void {
    this.#byNetwork.delete(network);
  }

  /** Everything, the least recently used first. */
  entries(): readonly (readonly [network: string, knowledge: BindingKnowledge])[] {
    return [...this.#byNetwork];
  }
}
