import { readFileSync } from 'node:fs';
import { formatAddress, type IpAddress, parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { recordsOfIp } from '../src/ip-command-source.ts';
import { networkSnapshot, snapshotsEqual } from '../src/network-snapshot.ts';
import type { RouteRecordKind } from '../src/route-message.ts';
import { records } from './recorded.ts';

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

const link = (index: number, name: string, isUp = true, isLoopback = false): RouteRecordKind => ({
  kind: 'link',
  index,
  name,
  isUp,
  isLoopback,
  mtu: 1500,
});
const own = (index: number, text: string, extra = {}): RouteRecordKind => ({
  kind: 'address',
  index,
  address: address(text),
  prefixLength: 24,
  isUsable: true,
  isDeprecated: false,
  ...extra,
});
const route = (index: number, metric: number, gateway?: string): RouteRecordKind => ({
  kind: 'default-route',
  version: 4,
  index,
  gateway: gateway === undefined ? undefined : address(gateway),
  metric,
});
const wifi = [link(2, 'wlan0'), own(2, '192.168.1.100'), route(2, 600, '192.168.1.1')];
const lte = [link(3, 'wwan0'), own(3, '100.64.0.9'), route(3, 700)];

describe('networkSnapshot', () => {
  it('shows what was recorded of a real kernel', () => {
    const snapshot = networkSnapshot(records('links', 'addresses', 'routes', 'neighbours'));
    expect(snapshot.preferredAddresses.map(formatAddress)).toEqual([
      '192.168.1.100',
      '2001:db8:a::2',
    ]);
    expect(snapshot.defaultRoutes.map(({ interface: name, metric }) => [name, metric])).toEqual([
      ['wlan0', 600],
      ['wlan0', 1024],
    ]);
    expect(snapshot.networkKey).toBe('wlan0/192.168.1.1/192.168.1.0/24/020000000001');
  });

  it('is the same from the "ip" command, but for the link-layer address of the gateway', () => {
    const devices: unknown[] = JSON.parse(
      readFileSync(new URL('captures/ip-address.json', import.meta.url), 'utf8'),
    );
    const routes = (gateway: string, metric: number) => [
      { dst: 'default', gateway, dev: 'wlan0', metric },
    ];
    const byCommand = networkSnapshot(
      recordsOfIp(devices, [
        { version: 4, routes: routes('192.168.1.1', 600) },
        { version: 6, routes: routes('2001:db8:a::1', 1024) },
      ]),
    );
    const byNetlink = networkSnapshot(records('links', 'addresses', 'routes'));
    expect(byCommand.networkKey).toBe('wlan0/192.168.1.1/192.168.1.0/24/-');
    const sorted = [...byCommand.interfaces].sort((a, b) => a.name.localeCompare(b.name));
    expect(sorted).toEqual([...byNetlink.interfaces].sort((a, b) => a.name.localeCompare(b.name)));
    expect(byCommand.addresses).toEqual(byNetlink.addresses);
    expect(byCommand.defaultRoutes).toEqual(byNetlink.defaultRoutes);
  });

  it('puts the addresses of the best default route first, and deprecated ones last', () => {
    const snapshot = networkSnapshot([
      ...lte,
      link(4, 'eth0'),
      own(4, '10.0.0.5'),
      own(2, '192.168.1.99', { isDeprecated: true }),
      ...wifi,
    ]);
    expect(snapshot.preferredAddresses.map(formatAddress)).toEqual([
      '192.168.1.100',
      '100.64.0.9',
      '10.0.0.5',
      '192.168.1.99',
    ]);
  });

  it('leaves out what cannot be sent from', () => {
    const snapshot = networkSnapshot(
      [
        link(2, 'wlan0'),
        link(3, 'eth0', false),
        link(4, 'ipsec0'),
        own(2, 'fe80::1'),
        own(2, '127.0.0.5'),
        own(2, '2001:db8::5', { isUsable: false }),
        own(3, '10.0.0.1'),
        own(4, '10.9.9.9'),
        own(9, '10.8.8.8'),
        route(3, 1, '10.0.0.254'),
      ],
      ['ipsec0'],
    );
    expect(snapshot.addresses).toEqual([]);
    expect(snapshot.defaultRoutes).toEqual([]);
    expect(snapshot.networkKey).toBeUndefined();
    expect(snapshot.interfaces.map(({ name }) => name)).toEqual(['wlan0', 'eth0']);
  });

  it('leaves out every address of the loopback interface, as that of a network behind this host', () => {
    const snapshot = networkSnapshot([
      link(1, 'lo', true, true),
      own(1, '10.77.0.1'),
      own(1, '2001:db8:77::1'),
      ...wifi,
    ]);
    expect(snapshot.preferredAddresses.map(formatAddress)).toEqual(['192.168.1.100']);
    expect(snapshot.addresses.map(({ interface: name }) => name)).toEqual(['wlan0']);
  });

  it('has one key for each network, which survives that the gateway is not heard for a while', () => {
    const gateway: RouteRecordKind = {
      kind: 'neighbour',
      index: 2,
      address: address('192.168.1.1'),
      linkAddress: Uint8Array.of(2, 0, 0, 0, 0, 1),
    };
    const other = { ...gateway, linkAddress: Uint8Array.of(2, 0, 0, 0, 0, 9) };
    const known = networkSnapshot([...wifi, gateway]);
    expect(networkSnapshot([...wifi, other], [], known).networkKey).not.toBe(known.networkKey);
    expect(networkSnapshot(wifi, [], known).networkKey).toBe(known.networkKey);
    expect(networkSnapshot(lte, [], known).networkKey).toBe('wwan0/direct');
  });

  it('is bounded, however much there is', () => {
    const many = Array.from({ length: 3_000 }, (_, i) => [
      link(i, `veth${i}`),
      own(i, `10.0.${i >> 8}.${i & 255}`),
      route(i, i),
    ]).flat();
    const snapshot = networkSnapshot(many);
    expect(snapshot.interfaces.length).toBe(256);
    expect(snapshot.addresses.length).toBeLessThanOrEqual(1_024);
    expect(snapshot.defaultRoutes.length).toBeLessThanOrEqual(64);
  });
});

describe('snapshotsEqual', () => {
  it('sees addresses and routes, but not interfaces that have none', () => {
    const one = networkSnapshot(wifi);
    expect(snapshotsEqual(one, networkSnapshot([...wifi, link(7, 'veth7')]))).toBe(true);
    expect(snapshotsEqual(one, networkSnapshot([...wifi, own(2, '192.168.1.7')]))).toBe(false);
    expect(snapshotsEqual(one, networkSnapshot([...wifi, ...lte]))).toBe(false);
  });
});

describe('the output of "ip -j"', () => {
  it('is left out where it is not as expected', () => {
    const odd: unknown[] = [
      null,
      7,
      'text',
      {},
      { ifindex: '1', ifname: 'x' },
      {
        ifindex: 1,
        ifname: 'x',
        flags: 'UP',
        addr_info: [{ local: 5 }, { local: 'nonsense' }, null],
      },
    ];
    const routes = [null, {}, { dst: 'default', dev: 'none' }, { dst: '10.0.0.0/8', dev: 'x' }];
    expect(recordsOfIp(odd, [{ version: 4, routes }])).toEqual([
      { kind: 'link', index: 1, name: 'x', isUp: false, isLoopback: false, mtu: 0 },
    ]);
  });
});
