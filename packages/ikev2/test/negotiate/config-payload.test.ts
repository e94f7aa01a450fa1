import { ConfigAttributeType, ConfigType } from '@ipsec-kit/ikev2-codec';
import { type IpAddress, parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  configReply,
  configRequest,
  MAX_DNS_SERVERS,
  MAX_REQUESTED_ADDRESSES,
  readConfigReply,
  requestedAddresses,
} from '../../src/negotiate/config-payload.ts';

const address = (text: string): IpAddress => {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(text);
  return parsed;
};

describe('the configuration payload (RFC 7296 §2.19, §3.15.1)', () => {
  it('asks for any address with an empty value, for a certain one by name, and for DNS of its families', () => {
    const request = configRequest([address('0.0.0.0'), address('fd00::7')]);
    expect(request?.attributes.map(({ type, value }) => [type, value.length])).toEqual([
      [ConfigAttributeType.INTERNAL_IP4_ADDRESS, 0],
      [ConfigAttributeType.INTERNAL_IP6_ADDRESS, 17],
      [ConfigAttributeType.INTERNAL_IP4_DNS, 0],
      [ConfigAttributeType.INTERNAL_IP6_DNS, 0],
    ]);
    expect(configRequest([])).toBeUndefined();
  });

  it('is read by the other side as it was meant', () => {
    const wanted = [address('0.0.0.0'), address('::'), address('10.0.0.9'), address('fd00::7')];
    const request = configRequest(wanted);
    expect(request && requestedAddresses(request)).toEqual(wanted);
  });

  it('bounds how much a peer may ask for', () => {
    const attributes = Array.from({ length: 100 }, () => ({
      type: ConfigAttributeType.INTERNAL_IP4_ADDRESS,
      value: new Uint8Array(0),
    }));
    const many = { type: 'CP' as const, configType: ConfigType.CFG_REQUEST, attributes };
    expect(requestedAddresses(many)).toHaveLength(MAX_REQUESTED_ADDRESSES);
  });

  it('brings a lease back', () => {
    const lease = {
      addresses: ['10.0.0.9', 'fd00::7'].map((text) => ({ pool: 'p', address: address(text) })),
      dns: [address('10.0.0.53'), address('fd00::53')],
      attributes: [{ type: ConfigAttributeType.INTERNAL_DNS_DOMAIN, value: Uint8Array.of(0x61) }],
    };
    const requested = lease.addresses.map((entry) => entry.address);
    expect(readConfigReply(configReply(lease), requested)).toEqual({
      addresses: lease.addresses.map((entry) => entry.address),
      dns: lease.dns,
    });
  });

  it('ignores attributes that are unknown, of a wrong length, or unspecified', () => {
    const attributes = [
      { type: ConfigAttributeType.INTERNAL_IP4_ADDRESS, value: new Uint8Array(3) },
      { type: ConfigAttributeType.INTERNAL_IP4_ADDRESS, value: new Uint8Array(4) },
      { type: 30_000, value: new Uint8Array(4) },
    ];
    const reply = { type: 'CP' as const, configType: ConfigType.CFG_REPLY, attributes };
    const requested = [address('0.0.0.0')];
    expect(readConfigReply(reply, requested)).toEqual({ addresses: [], dns: [] });
  });

  it('gives an address once, and only so many DNS servers', () => {
    const addresses = ['10.0.0.9', '10.0.0.9'].map((text) => ({
      pool: 'p',
      address: address(text),
    }));
    const dns = Array.from({ length: 100 }, (_, index) => address(`10.0.1.${index + 1}`));
    const reply = configReply({ addresses, dns, attributes: [] });
    const given = readConfigReply(reply, [address('0.0.0.0'), address('0.0.0.0')]);
    expect(given.addresses).toEqual([address('10.0.0.9')]);
    expect(given.dns).toEqual(dns.slice(0, MAX_DNS_SERVERS));
  });

  it('gives nothing that was not asked for, and nothing from another type of payload (RFC 7296 §2.19)', () => {
    const addresses = ['10.0.0.9', '10.0.0.10', 'fd00::7'].map(address);
    const reply = configReply({
      addresses: addresses.map((given) => ({ pool: 'p', address: given })),
      dns: [address('10.0.0.53'), address('fd00::53')],
      attributes: [],
    });
    expect(readConfigReply(reply, [])).toEqual({ addresses: [], dns: [] });
    expect(readConfigReply(reply, [address('0.0.0.0')])).toEqual({
      addresses: [address('10.0.0.9')],
      dns: [address('10.0.0.53')],
    });
    const set = { ...reply, configType: ConfigType.CFG_SET };
    expect(readConfigReply(set, [address('0.0.0.0')])).toEqual({ addresses: [], dns: [] });
  });
});
