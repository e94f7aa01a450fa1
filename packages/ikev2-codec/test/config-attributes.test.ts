import { formatPrefix, parseAddress, parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  ConfigAttributeType,
  configAttribute,
  decodeConfigAddress,
  decodeConfigSubnet,
  internalAddressAttribute,
  internalSubnetAttribute,
} from '../src/index.ts';

function address(text: string) {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

function prefix(text: string) {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

describe('addresses in configuration attributes (RFC 7296 §3.15.1)', () => {
  it('have 4 bytes, or 16 and a prefix length', () => {
    expect(internalAddressAttribute(address('10.88.0.1'))).toEqual({
      type: ConfigAttributeType.INTERNAL_IP4_ADDRESS,
      value: Uint8Array.of(10, 88, 0, 1),
    });
    const ipv6 = internalAddressAttribute(address('fd88::1'), 64);
    expect([ipv6.type, ipv6.value.length, ipv6.value[16]]).toEqual([8, 17, 64]);
  });

  it.each(['10.88.0.1', 'fd88::1'])('%s is read as it was written', (text) => {
    expect(decodeConfigAddress(internalAddressAttribute(address(text)))).toEqual(address(text));
  });

  it('are read from DNS and netmask attributes of their family only', () => {
    const four = Uint8Array.of(10, 0, 0, 1);
    const { INTERNAL_IP4_DNS, INTERNAL_IP4_NETMASK, INTERNAL_IP6_DNS } = ConfigAttributeType;
    expect(decodeConfigAddress(configAttribute(INTERNAL_IP4_DNS, four))).toEqual(
      address('10.0.0.1'),
    );
    expect(decodeConfigAddress(configAttribute(INTERNAL_IP4_NETMASK, four))?.version).toBe(4);
    expect(decodeConfigAddress(configAttribute(INTERNAL_IP6_DNS, four))).toBeUndefined();
    expect(decodeConfigAddress(configAttribute(INTERNAL_IP6_DNS, new Uint8Array(16)))).toEqual(
      address('::'),
    );
  });

  it('are none in an empty, odd or other attribute', () => {
    const { APPLICATION_VERSION, INTERNAL_IP4_ADDRESS, INTERNAL_IP6_ADDRESS } = ConfigAttributeType;
    for (const [type, bytes] of [
      [INTERNAL_IP4_ADDRESS, 0],
      [INTERNAL_IP4_ADDRESS, 5],
      [INTERNAL_IP6_ADDRESS, 0],
      [INTERNAL_IP6_ADDRESS, 18],
      [APPLICATION_VERSION, 4],
    ] as const) {
      expect(decodeConfigAddress(configAttribute(type, new Uint8Array(bytes)))).toBeUndefined();
    }
  });
});

describe('subnets in configuration attributes (RFC 7296 §3.15.2)', () => {
  it.each([
    '0.0.0.0/0',
    '10.0.0.0/9',
    '10.77.0.0/16',
    '10.1.2.3/32',
    '::/0',
    'fd77::/64',
    'fd77::1/128',
  ])('%s is read as it was written', (text) => {
    const subnet = decodeConfigSubnet(internalSubnetAttribute(prefix(text)));
    expect(subnet && formatPrefix(subnet)).toBe(text);
  });

  it('have a netmask for IPv4', () => {
    expect(internalSubnetAttribute(prefix('10.0.0.0/9')).value).toEqual(
      Uint8Array.of(10, 0, 0, 0, 255, 128, 0, 0),
    );
  });

  it('are none with a hole in the mask, a prefix above 128 or another length', () => {
    const { INTERNAL_IP4_SUBNET, INTERNAL_IP6_SUBNET } = ConfigAttributeType;
    const hole = Uint8Array.of(10, 0, 0, 0, 255, 0, 255, 0);
    const long = new Uint8Array(17).fill(129, 16);
    expect(decodeConfigSubnet(configAttribute(INTERNAL_IP4_SUBNET, hole))).toBeUndefined();
    expect(decodeConfigSubnet(configAttribute(INTERNAL_IP6_SUBNET, long))).toBeUndefined();
    expect(decodeConfigSubnet(configAttribute(INTERNAL_IP4_SUBNET))).toBeUndefined();
    expect(decodeConfigSubnet(configAttribute(INTERNAL_IP6_SUBNET, hole))).toBeUndefined();
  });
});
