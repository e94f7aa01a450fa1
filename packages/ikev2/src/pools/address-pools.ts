import type { Identity } from '@ipsec-kit/auth';
import type { IpAddress } from '@ipsec-kit/ip';
import type { Lease } from '../endpoint-work.ts';
import { AddressPool, type PoolRange, type PoolStatus } from './address-pool.ts';

/** A pool of virtual addresses for peers. */
export interface PoolConfig {
  readonly name: string;
  /** A prefix, of which the first and the last address are not given, or a range, of which all are. */
  readonly addresses: PoolRange;
  /** Servers for the CFG_REPLY of every peer that gets an address from this pool. */
  readonly dns: readonly IpAddress[];
  /** Further attributes for it, raw. */
  readonly attributes?: readonly { readonly type: number; readonly value: Uint8Array }[];
}

/** Virtual addresses for peers. */
export interface AddressPools {
  /** Gives one address for each that is requested, from the first of the named pools that has its family and one left.
   * An identity that comes again gets what it had; while it holds that online, a further session gets another one, unless
   * it asks for that very address: then it is the same peer in a new IKE SA, and both have it until each is released.
   * @param names - pools in order of preference; unknown ones are passed over.
   * @param requested - the unspecified address asks for any of its family.
   * @returns `undefined` when there is none at all: INTERNAL_ADDRESS_FAILURE.
   */
  lease(
    names: readonly string[],
    identity: Identity,
    requested: readonly IpAddress[],
  ): Lease | undefined;
  /** Takes the addresses back; they stay with their identity until they are needed for another. */
  release(lease: Lease): void;
  status(): readonly PoolStatus[];
}

/** Makes pools, all in memory.
 * @throws RangeError on two pools of one name, on families that are mixed, and on a range that is inverted.
 */
export function createAddressPools(configs: readonly PoolConfig[]): AddressPools {
  const pools = new Map<string, { readonly config: PoolConfig; readonly pool: AddressPool }>();
  for (const config of configs) {
    if (pools.has(config.name)) {
      throw new RangeError(`"configs" expected different names, got ${config.name} twice`);
    }
    pools.set(config.name, { config, pool: new AddressPool(config.name, config.addresses) });
  }
  return {
    lease(names, identity, requested) {
      const addresses: { pool: string; address: IpAddress }[] = [];
      for (const wanted of requested) {
        for (const name of names) {
          const address = pools.get(name)?.pool.lease(identity, wanted);
          if (!address) continue;
          addresses.push({ pool: name, address });
          break;
        }
      }
      if (addresses.length === 0) return undefined;
      const used = configs.filter(({ name }) => addresses.some(({ pool }) => pool === name));
      return {
        addresses,
        dns: used.flatMap(({ dns }) => dns),
        attributes: used.flatMap(({ attributes }) => attributes ?? []),
      };
    },
    release(lease) {
      for (const { pool, address } of lease.addresses) pools.get(pool)?.pool.release(address);
    },
    status: () => [...pools.values()].map(({ pool }) => pool.status()),
  };
}
