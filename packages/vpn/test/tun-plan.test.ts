import {
  formatAddress,
  formatPrefix,
  type IpAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  parseSelector,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { type PlannedChild, planTun, tunSettingsEqual } from '../src/tun-plan.ts';

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a test value cannot be parsed');
  return value;
}
const address = (text: string): IpAddress => known(parseAddress(text));
const prefix = (text: string): Prefix => known(parsePrefix(text));
const selector = (text: string): TrafficSelector => known(parseSelector(text));

function child(values: {
  local: string[];
  remote: string[];
  virtual?: string[];
  dns?: string[];
  peer?: string;
}): PlannedChild {
  return {
    localSelectors: values.local.map(selector),
    remoteSelectors: values.remote.map(selector),
    virtualAddresses: (values.virtual ?? []).map(address),
    dns: (values.dns ?? []).map(address),
    path: {
      local: { address: address('192.0.2.1'), port: 4500 },
      remote: { address: address(values.peer ?? '192.0.2.2'), port: 4500 },
    },
  };
}

function plan(children: PlannedChild[], pools: string[] = [], host: string[] = []) {
  const settings = planTun({
    mtu: 1400,
    children,
    poolPrefixes: pools.map(prefix),
    hostAddresses: host.map(address),
  });
  return {
    addresses: settings.addresses.map(formatPrefix),
    routes: settings.routes.map(formatPrefix),
    dns: settings.dns.map(({ server }) => formatAddress(server)),
    excluded: settings.excluded.map(formatAddress),
    sources: settings.preferredSources?.map(formatAddress),
  };
}

describe('the plan of the TUN device', () => {
  it('gives the virtual addresses to the device and routes what the peer protects', () => {
    expect(
      plan([
        child({
          local: ['10.88.0.1'],
          remote: ['10.77.0.0/16', '10.99.0.0-10.99.0.2'],
          virtual: ['10.88.0.1'],
          dns: ['10.77.0.53'],
        }),
      ]),
    ).toEqual({
      addresses: ['10.88.0.1/32'],
      routes: ['10.77.0.0/16', '10.99.0.0/31', '10.99.0.2/32'],
      dns: ['10.77.0.53'],
      excluded: [],
      sources: [],
    });
  });

  it('prefers an own address inside the local selectors where there is no virtual one', () => {
    const site = child({ local: ['10.66.0.0/16'], remote: ['10.77.0.0/16'] });
    expect(plan([site], [], ['192.0.2.1', '10.66.0.1', '10.66.0.9']).sources).toEqual([
      '10.66.0.1',
    ]);
  });

  it('keeps the families apart when it looks for a source', () => {
    const both = child({
      local: ['10.88.0.1', 'fd66::/64'],
      remote: ['0.0.0.0/0', '::/0'],
      virtual: ['10.88.0.1'],
    });
    expect(plan([both], [], ['10.66.0.1', 'fd66::1']).sources).toEqual(['fd66::1']);
  });

  it('excludes the peer from a route that would send its ESP into the tunnel', () => {
    const full = child({ local: ['10.88.0.1'], remote: ['0.0.0.0/0'], peer: '203.0.113.9' });
    expect(plan([full]).excluded).toEqual(['203.0.113.9']);
    expect(plan([{ ...full, remoteSelectors: [selector('10.0.0.0/8')] }]).excluded).toEqual([]);
  });

  it('routes a pool as a whole, so that another client changes nothing', () => {
    const client = (host: string): PlannedChild =>
      child({ local: ['10.77.0.0/16'], remote: [host] });
    const one = plan([client('10.88.0.1')], ['10.88.0.0/24'], ['10.77.0.1']);
    const two = plan([client('10.88.0.1'), client('10.88.0.2')], ['10.88.0.0/24'], ['10.77.0.1']);
    expect(one.routes).toEqual(['10.88.0.0/24']);
    expect(two).toEqual(one);
  });

  it('knows the source for the clients of a pool before the first one comes', () => {
    const input = {
      mtu: 1400,
      poolPrefixes: [prefix('10.88.0.0/24')],
      localSelectors: [selector('10.77.0.0/16')],
      hostAddresses: [address('192.0.2.1'), address('10.77.0.1')],
    };
    const before = planTun({ ...input, children: [] });
    const after = planTun({
      ...input,
      children: [child({ local: ['10.77.0.0/16'], remote: ['10.88.0.1'] })],
    });
    expect(before.preferredSources?.map(formatAddress)).toEqual(['10.77.0.1']);
    expect(tunSettingsEqual(before, after)).toBe(true);
  });

  it('is the same whatever the order of the children, which every rekey changes', () => {
    const one = child({
      local: ['10.66.0.0/16'],
      remote: ['10.77.0.0/16'],
      virtual: ['10.88.0.1'],
    });
    const two = child({
      local: ['10.66.0.0/16'],
      remote: ['0.0.0.0/0', 'fd77::/64'],
      virtual: ['fd88::1'],
      peer: '192.0.2.1',
    });
    expect(plan([two, one])).toEqual(plan([one, two]));
    expect(plan([two, one]).routes).toEqual(['0.0.0.0/0', 'fd77::/64']);
  });

  it('names every route and address once', () => {
    const twice = child({ local: ['10.88.0.1'], remote: ['10.77.0.0/16'], virtual: ['10.88.0.1'] });
    expect(plan([twice, twice])).toMatchObject({
      addresses: ['10.88.0.1/32'],
      routes: ['10.77.0.0/16'],
    });
  });
});

describe('a peer inside of the tunnel at its outer address, as in transport mode', () => {
  const hosts = child({ local: ['192.0.2.1'], remote: ['192.0.2.2'], peer: '192.0.2.2' });
  const input = { mtu: 1400, poolPrefixes: [], hostAddresses: [address('192.0.2.1')] };
  const inside = (children: PlannedChild[]) => {
    const settings = planTun({ ...input, children, outsidePorts: [500, 4500] });
    return {
      routes: settings.routes.map(formatPrefix),
      excluded: settings.excluded.map(formatAddress),
      peers: settings.insidePeers?.map((peer) => [
        formatAddress(peer.address),
        peer.source && formatAddress(peer.source),
      ]),
      ports: settings.outsidePorts,
    };
  };

  it('is routed with our outer address as source, and only what our sockets send goes past it', () => {
    expect(inside([hosts])).toEqual({
      routes: ['192.0.2.2/32'],
      excluded: [],
      peers: [['192.0.2.2', '192.0.2.1']],
      ports: [500, 4500],
    });
  });

  it('keeps its route beside a full tunnel', () => {
    const full = child({ local: ['10.88.0.1'], remote: ['0.0.0.0/0'], virtual: ['10.88.0.1'] });
    expect(inside([full, hosts])).toMatchObject({
      routes: ['0.0.0.0/0', '192.0.2.2/32'],
      excluded: [],
    });
  });

  it('suggests no source that the selectors do not have', () => {
    const network = child({ local: ['10.66.0.0/16'], remote: ['192.0.2.2[udp/53]'] });
    expect(inside([network]).peers).toEqual([['192.0.2.2', undefined]]);
    expect(inside([hosts, network]).peers).toEqual([['192.0.2.2', '192.0.2.1']]);
  });

  it('is none where the selectors are wider than it', () => {
    expect(inside([child({ local: ['192.0.2.1'], remote: ['192.0.2.0/24'] })])).toEqual({
      routes: ['192.0.2.0/24'],
      excluded: ['192.0.2.2'],
      peers: undefined,
      ports: [500, 4500],
    });
  });
});

describe('comparing settings', () => {
  it('sees every kind of difference', () => {
    const input = {
      mtu: 1400,
      children: [child({ local: ['10.66.0.0/16'], remote: ['0.0.0.0/0'], dns: ['10.0.0.1'] })],
      poolPrefixes: [],
      hostAddresses: [address('10.66.0.1')],
    };
    const settings = planTun(input);
    expect(tunSettingsEqual(settings, planTun(input))).toBe(true);
    const others = [
      { ...settings, mtu: 1300 },
      { ...settings, addresses: [prefix('10.0.0.1/32')] },
      { ...settings, routes: [] },
      { ...settings, dns: [] },
      { ...settings, excluded: [] },
      { ...settings, preferredSources: [] },
      { ...settings, insidePeers: [{ address: address('192.0.2.2') }] },
      { ...settings, outsidePorts: [4500] },
    ];
    for (const other of others) expect(tunSettingsEqual(settings, other)).toBe(false);
  });
});
