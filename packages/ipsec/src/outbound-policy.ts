import {
  anySelectorMatchesPacket,
  coveringPrefix,
  type PacketFields,
  selectorMatchesPacket,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import type { InstalledPair } from './installed-pair.ts';
import { PrefixTrie } from './prefix-trie.ts';

/** One remote selector of an active pair. */
interface PolicyEntry {
  readonly pair: InstalledPair;
  readonly remote: TrafficSelector;
}

/** Which pair takes an outbound packet: the entries of the security policy database that lead to an SA.
 * The longest destination prefix comes first; under one prefix selectors that name a protocol or fewer ports,
 * then the pair that was activated last.
 * @see RFC 4301 §4.4.1 and §5.1
 */
export class OutboundPolicy {
  readonly #ipv4 = new PrefixTrie<PolicyEntry>(4, mostSpecificFirst);
  readonly #ipv6 = new PrefixTrie<PolicyEntry>(6, mostSpecificFirst);
  /** Whether the last {@link lookup} found pairs for the destination, none of which takes the packet. */
  lastWasRefused = false;

  /** Lets a pair send. */
  add(pair: InstalledPair): void {
    for (const remote of pair.remoteSelectors) {
      this.#trie(remote.start.version).insert(coveringPrefix(remote), { pair, remote });
    }
  }

  /** Lets a pair send no longer. */
  remove(pair: InstalledPair): void {
    for (const remote of pair.remoteSelectors) {
      const prefix = coveringPrefix(remote);
      this.#trie(remote.start.version).remove(prefix, (entry) => entry.pair === pair);
    }
  }

  /** The pair for a packet: its source must match a local and its destination a remote selector, ports and protocol
   * included; allocates nothing.
   */
  lookup(memory: Uint8Array, fields: PacketFields): InstalledPair | undefined {
    const trie = this.#trie(fields.version);
    const found = trie.collect(memory, fields.destinationOffset);
    for (let i = found - 1; i >= 0; i -= 1) {
      const entries = trie.matches[i]?.values;
      const pair = entries && firstMatch(entries, memory, fields);
      if (pair) return pair;
    }
    this.lastWasRefused = found > 0;
    return undefined;
  }

  #trie(version: 4 | 6): PrefixTrie<PolicyEntry> {
    return version === 4 ? this.#ipv4 : this.#ipv6;
  }
}

function firstMatch(
  entries: readonly PolicyEntry[],
  memory: Uint8Array,
  fields: PacketFields,
): InstalledPair | undefined {
  for (let i = 0; i < entries.length; i += 1) {
    const entry = entries[i];
    if (
      entry &&
      selectorMatchesPacket(entry.remote, memory, fields, 'destination') &&
      anySelectorMatchesPacket(entry.pair.localSelectors, memory, fields, 'source')
    ) {
      return entry.pair;
    }
  }
  return undefined;
}

function mostSpecificFirst(a: PolicyEntry, b: PolicyEntry): number {
  return (
    Number(b.remote.protocol !== 0) - Number(a.remote.protocol !== 0) ||
    portCount(a.remote) - portCount(b.remote) ||
    b.pair.activation - a.pair.activation
  );
}

function portCount(selector: TrafficSelector): number {
  return Math.max(selector.endPort - selector.startPort, 0);
}
