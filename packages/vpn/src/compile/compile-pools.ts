import {
  addressesEqual,
  addressFromBigInt,
  addressToBigInt,
  compareAddresses,
  firstAddress,
  formatAddress,
  type IpAddress,
  lastAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  parseRange,
} from '@ipsec-kit/ip';
import type { AttributeOptions, PoolOptions } from '../options.ts';
import { quoted } from './config-problem.ts';
import { isObject, join, type OptionChecks } from './option-checks.ts';

/** A pool of virtual addresses, ready for the allocator. */
export interface CompiledPool {
  readonly name: string;
  /** First and last address that is given out. */
  readonly start: IpAddress;
  readonly end: IpAddress;
  readonly dns: readonly IpAddress[];
  /** Other attributes for the CFG_REPLY, raw. @see RFC 7296 §3.15.1 */
  readonly attributes: readonly { readonly type: number; readonly value: Uint8Array }[];
}

/** Attribute types by family. @see RFC 7296 §3.15.1 */
const ATTRIBUTES = {
  nbns: { 4: 4, 6: undefined },
  dhcp: { 4: 6, 6: 12 },
  netmask: { 4: 2, 6: undefined },
  subnet: { 4: 13, 6: 15 },
} as const;

const KNOWN: readonly (keyof PoolOptions)[] = [
  'addrs',
  'dns',
  'nbns',
  'dhcp',
  'netmask',
  'subnet',
  'attributes',
];
const MAX_ATTRIBUTE_TYPE = 32_767;
const MAX_ATTRIBUTE_BYTES = 1024;
const MAX_SERVERS = 16;

/** Compiles the pools by name; pools that share addresses are a mistake. */
export function compilePools(
  checks: OptionChecks,
  options: Readonly<Record<string, PoolOptions>> | undefined,
): readonly CompiledPool[] {
  const pools = checks
    .entries('pools', options)
    .map(([name, pool]) => compilePool(checks, name, pool))
    .filter((pool) => pool !== undefined);
  const sorted = pools.toSorted((a, b) => compareStarts(a, b));
  for (const [index, pool] of sorted.entries()) {
    const before = sorted[index - 1];
    if (!before || before.start.version !== pool.start.version) continue;
    if (compareAddresses(before.end, pool.start) >= 0) {
      const sentence = `shares addresses with the pool ${quoted(before.name)}: an address can only be in one pool`;
      checks.problem('invalid-value', `pools.${pool.name}.addrs`, sentence);
    }
  }
  return pools;
}

function compareStarts(a: CompiledPool, b: CompiledPool): number {
  return a.start.version - b.start.version || compareAddresses(a.start, b.start);
}

function compilePool(
  checks: OptionChecks,
  name: string,
  options: PoolOptions,
): CompiledPool | undefined {
  const path = `pools.${name}`;
  checks.object(path, options, KNOWN);
  const dns = compileServers(checks, `${path}.dns`, options.dns);
  const attributes = [
    ...compileAddressAttributes(checks, path, options),
    ...compileSubnets(checks, `${path}.subnet`, options.subnet),
    ...compileAttributes(checks, `${path}.attributes`, options.attributes),
  ];
  const addrs: unknown = options.addrs;
  if (typeof addrs !== 'string' || addrs.trim() === '') {
    const sentence = 'a pool needs addresses: a prefix such as "10.88.0.0/24" or a range';
    checks.problem('missing-value', `${path}.addrs`, sentence);
    return undefined;
  }
  const range = poolRange(addrs.trim());
  if (!range) {
    const expected =
      'one prefix such as "10.88.0.0/24" or one range such as "10.88.0.10-10.88.0.20"';
    checks.invalid(`${path}.addrs`, expected, addrs);
    return undefined;
  }
  return { name, ...range, dns, attributes };
}

/** From the first to the last address that may be given to a host. In a prefix, the network's own address and
 * the broadcast address are left out; one with host bits (`10.0.0.5/24`) begins there.
 */
function poolRange(text: string): { start: IpAddress; end: IpAddress } | undefined {
  const prefix = text.includes('/') ? parsePrefix(text) : undefined;
  if (!prefix) return parseRange(text);
  const first = firstAddress(prefix);
  const last = lastAddress(prefix);
  if (hostBits(prefix) < 2) return { start: prefix.address, end: last };
  const atNetwork = addressesEqual(prefix.address, first);
  return {
    start: atNetwork ? step(first, 1n) : prefix.address,
    end: prefix.address.version === 4 ? step(last, -1n) : last,
  };
}

function hostBits(prefix: Prefix): number {
  return prefix.address.bytes.length * 8 - prefix.length;
}

function step(address: IpAddress, by: bigint): IpAddress {
  return addressFromBigInt(address.version, addressToBigInt(address) + by) ?? address;
}

function compileServers(
  checks: OptionChecks,
  path: string,
  value: readonly string[] | undefined,
): readonly IpAddress[] {
  const texts = checks.strings(path, value);
  if (texts.length > MAX_SERVERS) {
    checks.problem('invalid-value', path, `at most ${MAX_SERVERS} addresses are sent`);
    return [];
  }
  return texts.flatMap((text, index) => {
    const address = parseAddress(text.trim());
    if (!address) checks.invalid(`${path}[${index}]`, 'an address', text);
    return address ? [address] : [];
  });
}

function compileAddressAttributes(
  checks: OptionChecks,
  path: string,
  options: PoolOptions,
): CompiledPool['attributes'] {
  return (['nbns', 'dhcp', 'netmask'] as const).flatMap((key) =>
    compileServers(checks, join(path, key), options[key]).flatMap((address) => {
      const type = ATTRIBUTES[key][address.version];
      if (type !== undefined) return [{ type, value: address.bytes }];
      checks.invalid(join(path, key), 'an IPv4 address', formatAddress(address));
      return [];
    }),
  );
}

/** RFC 7296 §3.15.1: IPv4 as address and netmask, IPv6 as address and one byte of length. */
function compileSubnets(
  checks: OptionChecks,
  path: string,
  value: readonly string[] | undefined,
): CompiledPool['attributes'] {
  return checks.strings(path, value).flatMap((text, index) => {
    const prefix = parsePrefix(text.trim());
    if (!prefix) {
      checks.invalid(`${path}[${index}]`, 'a prefix such as "10.0.0.0/8"', text);
      return [];
    }
    const first = firstAddress(prefix).bytes;
    const last = lastAddress(prefix).bytes;
    const mask = first.map((byte, i) => ~(byte ^ (last[i] ?? 0)) & 0xff);
    const tail = prefix.address.version === 4 ? mask : Uint8Array.of(prefix.length);
    const type = ATTRIBUTES.subnet[prefix.address.version];
    return [{ type, value: Uint8Array.of(...first, ...tail) }];
  });
}

function compileAttributes(
  checks: OptionChecks,
  path: string,
  options: readonly AttributeOptions[] | undefined,
): CompiledPool['attributes'] {
  if (options !== undefined && !Array.isArray(options)) {
    checks.invalid(path, 'a list of attributes', options);
    return [];
  }
  const list: readonly AttributeOptions[] = options ?? [];
  return list.flatMap((option, index) => {
    const at = `${path}[${index}]`;
    if (!isObject(option)) {
      checks.invalid(at, '{ type, value }', option);
      return [];
    }
    const type = checks.integer(at, option.type, { min: 1, max: MAX_ATTRIBUTE_TYPE, fallback: 0 });
    const value =
      typeof option.value === 'string' ? new TextEncoder().encode(option.value) : option.value;
    if (value instanceof Uint8Array && value.length <= MAX_ATTRIBUTE_BYTES) {
      return [{ type, value }];
    }
    checks.problem('invalid-value', at, `a value has at most ${MAX_ATTRIBUTE_BYTES} bytes`);
    return [];
  });
}
