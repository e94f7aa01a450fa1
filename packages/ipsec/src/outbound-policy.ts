import {
  anySelectorMatchesPacket,
  coveringPrefix,
  type PacketFields,
  selectorMatchesPacket,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import type { InstalledPair } from './installed-pair.ts';
import { LastFlow } from './last-flow.ts';
import type { InstalledTrap } from './outbound-traps.ts';
import type { InstalledElsewhere } from './pair-elsewhere.ts';
import { PrefixTrie } from './prefix-trie.ts';

/** One remote selector of an active pair, here or elsewhere, or of a trap; one of the three is there. */
export interface PolicyEntry {
  readonly pair: InstalledPair | undefined;
  readonly elsewhere: InstalledElsewhere | undefined;
  readonly trap: InstalledTrap | undefined;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remote: TrafficSelector;
  /** When the pair was activated, counted in activations; 0 for traps. */
  readonly activation: number;
}

/** Which pair takes an outbound packet, or which trap holds it: the entries of the security policy database.
 * The longest destination prefix comes first; under one prefix selectors that name a protocol or fewer ports,
 * then the pair that was activated last, then traps.
 * @see RFC 4301 §4.4.1 and §5.1
 */
export class OutboundPolicy {
  readonly #ipv4 = new PrefixTrie<PolicyEntry>(4, mostSpecificFirst);
  readonly #ipv6 = new PrefixTrie<PolicyEntry>(6, mostSpecificFirst);
  readonly #last = new LastFlow<PolicyEntry>();
  /** Whether the last {@link lookup} found entries for the destination, none of which takes the packet. */
  lastWasRefused = false;

  /** Lets a pair send. */
  addPair(pair: InstalledPair): void {
    this.#add(pair, { pair, elsewhere: undefined, trap: undefined, activation: pair.activation });
  }

  /** Lets a pair of another engine have what belongs to it. */
  addElsewhere(elsewhere: InstalledElsewhere): void {
    const { activation } = elsewhere;
    this.#add(elsewhere, { pair: undefined, elsewhere, trap: undefined, activation });
  }

  /** Lets a trap hold what it catches. */
  addTrap(trap: InstalledTrap): void {
    this.#add(trap, { pair: undefined, elsewhere: undefined, trap, activation: 0 });
  }

  /** Lets a pair send, or a trap catch, no longer. */
  remove(target: InstalledPair | InstalledElsewhere | InstalledTrap): void {
    this.#last.forget();
    for (const remote of target.remoteSelectors) {
      const isOurs = ({ pair, elsewhere, trap }: PolicyEntry) =>
        pair === target || elsewhere === target || trap === target;
      this.#trie(remote.start.version).remove(coveringPrefix(remote), isOurs);
    }
  }

  /** The entry for a packet: its source must match a local and its destination a remote selector, ports and protocol
   * included; allocates nothing.
   */
  lookup(memory: Uint8Array, fields: PacketFields): PolicyEntry | undefined {
    const last = this.#last.decisionFor(memory, fields);
    if (last) return last;
    const entry = this.#find(memory, fields);
    if (entry) this.#last.keep(memory, fields, entry);
    return entry;
  }

  #find(memory: Uint8Array, fields: PacketFields): PolicyEntry | undefined {
    const trie = this.#trie(fields.version);
    const found = trie.collect(memory, fields.destinationOffset);
    for (let i = found - 1; i >= 0; i -= 1) {
      const entries = trie.matches[i]?.values;
      const entry = entries && firstMatch(entries, memory, fields);
      if (entry) return entry;
    }
    this.lastWasRefused = found > 0;
    return undefined;
  }

  #add(
    target: InstalledPair | InstalledElsewhere | InstalledTrap,
    what: Omit<PolicyEntry, 'localSelectors' | 'remote'>,
  ): void {
    this.#last.forget();
    const { localSelectors, remoteSelectors } = target;
    for (const remote of remoteSelectors) {
      const { pair, elsewhere, trap, activation } = what;
      // Property by property: entries of one shape are what a lookup among thousands reads without a miss.
      const entry = { pair, elsewhere, trap, localSelectors, remote, activation };
      this.#trie(remote.start.version).insert(coveringPrefix(remote), entry);
    }
  }

  #trie(version: 4 | 6): PrefixTrie<PolicyEntry> {
    return version === 4 ? this.#ipv4 : this.#ipv6;
  }
}

function firstMatch(
  entries: readonly PolicyEntry[],
  memory: Uint8Array,
  fields: PacketFields,
): PolicyEntry | undefined {
  for (let i = 0; i < entries.length; i += 1) {
    const entry = entries[i];
    if (
      entry &&
      selectorMatchesPacket(entry.remote, memory, fields, 'destination') &&
      anySelectorMatchesPacket(entry.localSelectors, memory, fields, 'source')
    ) {
      return entry;
    }
  }
  return undefined;
}

function mostSpecificFirst(a: PolicyEntry, b: PolicyEntry): number {
  return (
    Number(b.remote.protocol !== 0) - Number(a.remote.protocol !== 0) ||
    portCount(a.remote) - portCount(b.remote) ||
    b.activation - a.activation
  );
}

function portCount(selector: TrafficSelector): number {
  return Math.max(selector.endPort - selector.startPort, 0);
}
