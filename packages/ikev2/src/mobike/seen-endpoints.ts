import {
  type Endpoint,
  endpointsEqual,
  formatAddress,
  type IpAddress,
  type Path,
} from '@ipsec-kit/ip';

const MOST_PER_PAIR = 4;
const MOST_PAIRS = 4_096;

/** Where NATs were seen to map peers towards each of our addresses, from the keepalives that they send there: 0xFF is no proof of
 * anything, but a responder that moves tries these ports of the address that its peer is known to have.
 * Bounded: the pairs of addresses that were heard of last, with four ports each.
 */
export class SeenEndpoints {
  readonly #byPair = new Map<string, readonly Endpoint[]>();

  /** Notes a keepalive. */
  note({ local, remote }: Path): void {
    const key = keyOf(local.address, remote.address);
    const known = this.#byPair.get(key) ?? [];
    const others = known.filter((endpoint) => !endpointsEqual(endpoint, remote));
    this.#byPair.delete(key);
    this.#byPair.set(key, [remote, ...others].slice(0, MOST_PER_PAIR));
    if (this.#byPair.size <= MOST_PAIRS) return;
    for (const oldest of this.#byPair.keys()) {
      this.#byPair.delete(oldest);
      return;
    }
  }

  /** Where keepalives to this address of ours came from, at this address of the peer; the last first. */
  of(local: IpAddress, remote: IpAddress): readonly Endpoint[] {
    return this.#byPair.get(keyOf(local, remote)) ?? [];
  }
}

function keyOf(local: IpAddress, remote: IpAddress): string {
  return `${formatAddress(local)} ${formatAddress(remote)}`;
}
