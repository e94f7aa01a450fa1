import type { Identity } from '@ipsec-kit/auth';
import { IdType } from '@ipsec-kit/ikev2-codec';
import {
  addressBits,
  addressFromBigInt,
  addressToBigInt,
  firstAddress,
  type IpAddress,
  isUnspecified,
  lastAddress,
  type Prefix,
} from '@ipsec-kit/ip';

/** Which addresses a pool has. */
export type PoolRange =
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
  | { readonly kind: 'range'; readonly start: IpAddress; readonly end: IpAddress };

/** How full a pool is. */
export interface PoolStatus {
  readonly name: string;
  readonly size: bigint;
  readonly online: number;
  /** Kept for an identity that is not here now. */
  readonly offline: number;
}

/** Most addresses of one pool that are remembered, however large it is. */
const MAX_LEASES = 65_536;

/** One pool: addresses by their distance from the first one. */
export class AddressPool {
  readonly #name: string;
  readonly #version: 4 | 6;
  readonly #base: bigint;
  readonly #size: bigint;
  /** Never given so far: all from here on, but for those that were asked for by name. */
  #fresh = 0n;
  readonly #online = new Map<bigint, { readonly owner: string; sessions: number }>();
  /** In the order in which they came back, the oldest first. */
  readonly #offline = new Map<bigint, string>();
  readonly #offlineByIdentity = new Map<string, Set<bigint>>();

  /** @throws RangeError on a range of mixed families, or one that is inverted. */
  constructor(name: string, range: PoolRange) {
    const { start, end } = bounds(range);
    if (start.version !== end.version || addressToBigInt(start) > addressToBigInt(end)) {
      throw new RangeError(`"addresses" expected a range from low to high, got pool ${name}`);
    }
    this.#name = name;
    this.#version = start.version;
    this.#base = addressToBigInt(start);
    this.#size = addressToBigInt(end) - this.#base + 1n;
  }

  /** An address for an identity: the one that it asks for, if that is free or its own; else one that it had; else one
   * that nobody had; else the one that has been offline for longest. One of its own that is online and that it asks for
   * is handed over: both of its sessions have it, until each has released it.
   * @returns `undefined` when the family is another, or all are online.
   */
  lease(identity: Identity, requested: IpAddress): IpAddress | undefined {
    if (requested.version !== this.#version) return undefined;
    const key = identityKey(identity);
    const offset =
      this.#wish(key, requested) ?? this.#former(key) ?? this.#next() ?? this.#oldest();
    if (offset === undefined) return undefined;
    this.#takeOffline(offset);
    const held = this.#online.get(offset);
    if (held) held.sessions += 1;
    else this.#online.set(offset, { owner: key, sessions: 1 });
    return addressFromBigInt(this.#version, this.#base + offset);
  }

  /** Takes an address back from one session; one that is not out changes nothing. */
  release(address: IpAddress): void {
    const offset = addressToBigInt(address) - this.#base;
    const held = this.#online.get(offset);
    if (address.version !== this.#version || held === undefined) return;
    held.sessions -= 1;
    if (held.sessions > 0) return;
    const key = held.owner;
    this.#online.delete(offset);
    this.#offline.set(offset, key);
    let own = this.#offlineByIdentity.get(key);
    if (!own) {
      own = new Set();
      this.#offlineByIdentity.set(key, own);
    }
    own.add(offset);
  }

  status(): PoolStatus {
    const { size: online } = this.#online;
    return { name: this.#name, size: this.#size, online, offline: this.#offline.size };
  }

  #wish(key: string, requested: IpAddress): bigint | undefined {
    if (isUnspecified(requested)) return undefined;
    const offset = addressToBigInt(requested) - this.#base;
    if (offset < 0n || offset >= this.#size) return undefined;
    const held = this.#online.get(offset);
    if (held) return held.owner === key ? offset : undefined;
    const owner = this.#offline.get(offset);
    if (owner === undefined) return this.#isFull() ? undefined : offset;
    return owner === key ? offset : undefined;
  }

  #former(key: string): bigint | undefined {
    const [first] = this.#offlineByIdentity.get(key) ?? [];
    return first;
  }

  #next(): bigint | undefined {
    if (this.#isFull()) return undefined;
    while (this.#online.has(this.#fresh) || this.#offline.has(this.#fresh)) this.#fresh += 1n;
    if (this.#fresh >= this.#size) return undefined;
    this.#fresh += 1n;
    return this.#fresh - 1n;
  }

  #oldest(): bigint | undefined {
    const [first] = this.#offline.keys();
    return first;
  }

  #takeOffline(offset: bigint): void {
    const key = this.#offline.get(offset);
    if (key === undefined) return;
    this.#offline.delete(offset);
    const own = this.#offlineByIdentity.get(key);
    own?.delete(offset);
    if (own?.size === 0) this.#offlineByIdentity.delete(key);
  }

  #isFull(): boolean {
    return this.#online.size + this.#offline.size >= MAX_LEASES;
  }
}

/** Of a prefix that has more than two, the first and the last address are not given: network and broadcast. */
function bounds(range: PoolRange): { start: IpAddress; end: IpAddress } {
  if (range.kind === 'range') return range;
  const { prefix } = range;
  const start = firstAddress(prefix);
  const end = lastAddress(prefix);
  const { version } = prefix.address;
  if (addressBits(version) - prefix.length < 2) return { start, end };
  return {
    start: addressFromBigInt(version, addressToBigInt(start) + 1n) ?? start,
    end: addressFromBigInt(version, addressToBigInt(end) - 1n) ?? end,
  };
}

/** Names of hosts and mailboxes are the same in either case. */
function identityKey({ idType, data }: Identity): string {
  const isName = idType === IdType.ID_FQDN || idType === IdType.ID_RFC822_ADDR;
  const bytes = isName
    ? data.map((byte) => (byte > 0x40 && byte < 0x5b ? byte | 0x20 : byte))
    : data;
  return `${idType}:${bytes.join('.')}`;
}
