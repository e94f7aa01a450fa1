import { formatAddress, formatEndpoint, type IpAddress, parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import type { AddressTarget } from '../src/compile/index.ts';
import { findAddresses, initialPath } from '../src/connection-path.ts';

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`${text} cannot be parsed`);
  return parsed;
}
const target = (text: string): AddressTarget => {
  const literal = parseAddress(text);
  return literal ? { kind: 'address', address: literal } : { kind: 'name', name: text };
};
const platform = {
  resolve: async (name: string) => {
    if (name === 'both.example.org') return [address('2001:db8::9'), address('203.0.113.9')];
    throw new Error('ENOTFOUND');
  },
  localAddressFor: async ({ address: remote }: { address: IpAddress }) => {
    if (remote.version === 4) return address('192.0.2.1');
    throw Object.assign(new Error('no IPv6 route leads there'), { code: 'ENETUNREACH' });
  },
};
async function find(remote: string[], local: string[] = []): Promise<string> {
  const transport = { localTargets: local.map(target), remoteTargets: remote.map(target) };
  const found = await findAddresses('home', transport, platform);
  return `${formatAddress(found.local)} to ${formatAddress(found.remote)}`;
}

describe('the addresses of a connection', () => {
  it('are the configured peer and the address that reaches it', async () => {
    expect(await find(['203.0.113.7'])).toBe('192.0.2.1 to 203.0.113.7');
  });

  it('are the next ones when the first peer cannot be reached', async () => {
    expect(await find(['2001:db8::9', 'nowhere.example.org', '203.0.113.7'])).toBe(
      '192.0.2.1 to 203.0.113.7',
    );
  });

  it('are of the family that was configured for this side', async () => {
    expect(await find(['both.example.org'], ['2001:db8::1'])).toBe('2001:db8::1 to 2001:db8::9');
    expect(await find(['both.example.org'], ['192.0.2.8'])).toBe('192.0.2.8 to 203.0.113.9');
  });

  it('prefer the configured own address that the route uses', async () => {
    expect(await find(['203.0.113.7'], ['192.0.2.9', '192.0.2.1'])).toBe(
      '192.0.2.1 to 203.0.113.7',
    );
  });

  it('are missed in one sentence, with the reason', async () => {
    await expect(find([])).rejects.toMatchObject({ code: 'config' });
    await expect(find(['nowhere.example.org'])).rejects.toMatchObject({
      code: 'name-not-found',
      message: expect.stringContaining('nowhere.example.org'),
    });
    await expect(find(['2001:db8::9'])).rejects.toMatchObject({
      code: 'no-route',
      message: 'No IPv6 route leads there.',
    });
    await expect(find(['203.0.113.7'], ['2001:db8::1'])).rejects.toMatchObject({ code: 'config' });
  });
});

describe('the first path', () => {
  const addresses = { local: address('192.0.2.1'), remote: address('203.0.113.7') };
  const ports = { ike: 40001, natT: 40002 };

  it('begins on port 500 and floats to 4500 (RFC 7296 §2.23)', () => {
    const { path, marker, floatTo } = initialPath(addresses, 500, ports);
    expect(marker).toBe(false);
    expect([path.local, path.remote].map(formatEndpoint)).toEqual([
      '192.0.2.1:40001',
      '203.0.113.7:500',
    ]);
    expect([floatTo?.local, floatTo?.remote].map((end) => end && formatEndpoint(end))).toEqual([
      '192.0.2.1:40002',
      '203.0.113.7:4500',
    ]);
  });

  it('has the non-ESP marker from the start on any other port', () => {
    const { path, marker, floatTo } = initialPath(addresses, 4500, ports);
    expect(marker).toBe(true);
    expect(floatTo).toBeUndefined();
    expect([path.local, path.remote].map(formatEndpoint)).toEqual([
      '192.0.2.1:40002',
      '203.0.113.7:4500',
    ]);
  });
});
