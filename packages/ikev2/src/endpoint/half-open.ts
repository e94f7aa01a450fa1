import type { IpAddress } from '@ipsec-kit/ip';

/** Counts the IKE SAs that a peer has begun and not yet authenticated, in all and by address of the peer. */
export class HalfOpenCounter {
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  /** Half-open IKE SAs in all. */
  get total(): number {
    return this.#total;
  }

  /** Half-open IKE SAs of one address. */
  from(address: IpAddress): number {
    return this.#byAddress.get(addressKey(address)) ?? 0;
  }

  add(address: IpAddress): void {
    const key = addressKey(address);
    this.#byAddress.set(key, (this.#byAddress.get(key) ?? 0) + 1);
    this.#total += 1;
  }

  remove(address: IpAddress): void {
    const key = addressKey(address);
    const count = this.#byAddress.get(key);
    if (count === undefined) return;
    if (count === 1) this.#byAddress.delete(key);
    else this.#byAddress.set(key, count - 1);
    this.#total -= 1;
  }
}

/** A key by which peers are counted: an IPv6 peer by its /64, since it owns all of it. */
function addressKey(address: IpAddress): string {
  return address.bytes.subarray(0, address.version === 4 ? 4 : 8).join('.');
}
