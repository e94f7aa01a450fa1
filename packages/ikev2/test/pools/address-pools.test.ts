import { type IpAddress, parseAddress, parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { createAddressPools, type PoolConfig } from '../../src/index.ts';
import { identity } from '../pair.ts';

const address = (text: string): IpAddress => {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(text);
  return parsed;
};
const prefix = (name: string, text: string): PoolConfig => {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(text);
  return { name, addresses: { kind: 'prefix', prefix: parsed }, dns: [] };
};
const range = (name: string, start: string, end: string): PoolConfig => ({
  name,
  addresses: { kind: 'range', start: address(start), end: address(end) },
  dns: [address('10.0.0.53')],
});
const ANY = address('0.0.0.0');
const [alice, bob, carol] = [identity('alice'), identity('bob'), identity('carol')];

describe('address pools', () => {
  const last = (lease: ReturnType<ReturnType<typeof createAddressPools>['lease']>) =>
    lease?.addresses.map((entry) => entry.address.bytes.at(-1));

  it('give all addresses of a range, and of a prefix all but the first and last', () => {
    const ranged = createAddressPools([range('p', '10.0.0.5', '10.0.0.6')]);
    expect(last(ranged.lease(['p'], alice, [ANY]))).toEqual([5]);
    expect(last(ranged.lease(['p'], bob, [ANY]))).toEqual([6]);
    expect(ranged.lease(['p'], carol, [ANY])).toBeUndefined();
    const prefixed = createAddressPools([prefix('p', '10.0.0.0/30')]);
    expect(prefixed.status()[0]?.size).toBe(2n);
    expect(last(prefixed.lease(['p'], alice, [ANY]))).toEqual([1]);
    expect(createAddressPools([prefix('p', '10.0.0.7/32')]).status()[0]?.size).toBe(1n);
  });

  it('give an identity what it had, and another one while it is online', () => {
    const pools = createAddressPools([range('p', '10.0.0.1', '10.0.0.9')]);
    const first = pools.lease(['p'], alice, [ANY]);
    expect(last(pools.lease(['p'], alice, [ANY]))).toEqual([2]);
    if (first) pools.release(first);
    expect(last(pools.lease(['p'], bob, [ANY]))).toEqual([3]);
    expect(last(pools.lease(['p'], identity('ALICE'), [ANY]))).toEqual([1]);
  });

  it('hand over an address to its own identity, which holds it until both sessions are gone', () => {
    const pools = createAddressPools([range('p', '10.0.0.1', '10.0.0.9')]);
    const old = pools.lease(['p'], alice, [ANY]);
    const wish = address('10.0.0.1');
    const fresh = pools.lease(['p'], alice, [wish]);
    expect(last(fresh)).toEqual([1]);
    expect(last(pools.lease(['p'], bob, [wish]))).toEqual([2]);
    expect(pools.status()[0]).toMatchObject({ online: 2, offline: 0 });
    if (old) pools.release(old);
    expect(pools.status()[0]).toMatchObject({ online: 2, offline: 0 });
    if (fresh) pools.release(fresh);
    expect(pools.status()[0]).toMatchObject({ online: 1, offline: 1 });
    if (fresh) pools.release(fresh);
    expect(pools.status()[0]).toMatchObject({ online: 1, offline: 1 });
  });

  it('take from the identity that has been away for longest when nothing else is left', () => {
    const pools = createAddressPools([range('p', '10.0.0.1', '10.0.0.2')]);
    const leases = [alice, bob].map((who) => pools.lease(['p'], who, [ANY]));
    for (const lease of leases.reverse()) if (lease) pools.release(lease);
    expect(last(pools.lease(['p'], carol, [ANY]))).toEqual([2]);
    expect(last(pools.lease(['p'], alice, [ANY]))).toEqual([1]);
    expect(pools.lease(['p'], bob, [ANY])).toBeUndefined();
  });

  it('honour a wish for a free address, and for nobody else’s', () => {
    const pools = createAddressPools([range('p', '10.0.0.1', '10.0.0.9')]);
    const wish = address('10.0.0.4');
    const lease = pools.lease(['p'], alice, [wish]);
    expect(last(lease)).toEqual([4]);
    expect(last(pools.lease(['p'], bob, [wish]))).toEqual([1]);
    if (lease) pools.release(lease);
    expect(last(pools.lease(['p'], carol, [wish]))).toEqual([2]);
    expect(last(pools.lease(['p'], carol, [address('10.9.9.9')]))).toEqual([3]);
  });

  it('serve both families from several pools, and give what there is', () => {
    const pools = createAddressPools([prefix('v4', '10.0.0.0/24'), prefix('v6', 'fd00::/64')]);
    const lease = pools.lease(['v4', 'v6'], alice, [ANY, address('::')]);
    expect(lease?.addresses.map(({ pool }) => pool)).toEqual(['v4', 'v6']);
    expect(pools.lease(['v4'], bob, [ANY, address('::')])?.addresses).toHaveLength(1);
    expect(pools.lease(['unknown'], bob, [ANY])).toBeUndefined();
  });

  it('fall over to the next pool when one is exhausted, with that pool’s servers', () => {
    const pools = createAddressPools([
      prefix('a', '10.1.0.1/32'),
      range('b', '10.2.0.1', '10.2.0.1'),
    ]);
    expect(pools.lease(['a', 'b'], alice, [ANY])?.dns).toEqual([]);
    const second = pools.lease(['a', 'b'], bob, [ANY]);
    expect(second?.addresses[0]?.pool).toBe('b');
    expect(second?.dns).toHaveLength(1);
  });

  it('ignore a release of what is not out', () => {
    const pools = createAddressPools([range('p', '10.0.0.1', '10.0.0.1')]);
    const lease = pools.lease(['p'], alice, [ANY]);
    if (!lease) throw new Error('no lease');
    pools.release(lease);
    pools.release(lease);
    expect(pools.status()).toEqual([{ name: 'p', size: 1n, online: 0, offline: 1 }]);
  });

  it('refuse two pools of one name and ranges that are inverted or mixed', () => {
    expect(() =>
      createAddressPools([prefix('a', '10.0.0.0/24'), prefix('a', '10.1.0.0/24')]),
    ).toThrow(/twice/);
    expect(() => createAddressPools([range('p', '10.0.0.2', '10.0.0.1')])).toThrow(/low to high/);
    expect(() => createAddressPools([range('p', '10.0.0.2', 'fd00::1')])).toThrow(/low to high/);
  });
});
