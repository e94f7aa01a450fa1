import { formatAddress, formatPrefix, type IpAddress, parsePrefix } from '@ipsec-kit/ip';
import { synthesizeNat64 } from '@ipsec-kit/mobike';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileOptions } from '../src/compile/index.ts';
import { findAddresses } from '../src/connection-path.ts';
import { nat64Finder, nat64PrefixIn } from '../src/nat64.ts';
import { address, clientOptions } from './memory-world.ts';

/** A host with IPv6 alone. */
const ipv6Alone = {
  resolve: async () => [address('192.0.2.1')],
  async localAddressFor({ address: remote }: { address: IpAddress }) {
    if (remote.version === 6) return address('2001:db8::7');
    throw Object.assign(new Error('connect ENETUNREACH'), { code: 'ENETUNREACH' });
  },
};
const transport = {
  localTargets: [],
  remoteTargets: [{ kind: 'address', address: address('192.0.2.1') }],
} as const;

describe('the prefix of a NAT64 (RFC 7050 §3, RFC 6052 §2.2)', () => {
  it('is found in the addresses of the well-known name, at every length', () => {
    const anyPrefix = fc.tuple(
      fc.constantFrom(32, 40, 48, 56, 64, 96),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
    );
    fc.assert(
      fc.property(anyPrefix, fc.constantFrom(170, 171), ([length, network], last) => {
        const bytes = Uint8Array.of(0x20, 1, ...network.subarray(0, 2), ...Array(12).fill(0));
        const prefix = { address: { version: 6 as const, bytes }, length };
        const made = synthesizeNat64(prefix, address(`192.0.0.${last}`));
        expect(made && nat64PrefixIn([address('192.0.0.170'), made])).toEqual(prefix);
      }),
    );
  });

  it('is none where the name has its own addresses alone, and not known where it cannot be resolved', async () => {
    expect(nat64PrefixIn([address('192.0.0.170'), address('2001:db8::1')])).toBeUndefined();
    const resolve = () => Promise.reject(new Error('ENOTFOUND'));
    const find = nat64Finder({ kind: 'discover' }, { resolve });
    await expect(find()).rejects.toThrow('ENOTFOUND');
    await expect(findAddresses('home', transport, ipv6Alone, find)).rejects.toMatchObject({
      code: 'no-route',
    });
  });

  it('leads a client with IPv6 alone to a server with IPv4 alone', async () => {
    const prefix = parsePrefix('64:ff9b::/96');
    const found = await findAddresses('home', transport, ipv6Alone, async () => prefix);
    expect([found.local, found.remote].map(formatAddress)).toEqual([
      '2001:db8::7',
      '64:ff9b::c000:201',
    ]);
    await expect(findAddresses('home', transport, ipv6Alone)).rejects.toMatchObject({
      code: 'no-route',
    });
  });

  it('is a setting: a prefix, discover or none', () => {
    const nat64 = (nat64Prefix?: string) => {
      const settings = nat64Prefix === undefined ? {} : { nat64Prefix };
      const compiled = compileOptions(clientOptions({}, { settings }));
      return compiled.ok ? compiled.value.nat64 : compiled.errors.map(({ message }) => message);
    };
    expect(nat64()).toEqual({ kind: 'discover' });
    expect(nat64('none')).toEqual({ kind: 'none' });
    const configured = nat64('2001:db8:64::/48');
    expect('prefix' in configured && formatPrefix(configured.prefix)).toBe('2001:db8:64::/48');
    expect(nat64('10.0.0.0/8')).toEqual([
      expect.stringMatching(/nat64Prefix.*expected discover, none, or an IPv6 prefix/),
    ]);
  });
});
