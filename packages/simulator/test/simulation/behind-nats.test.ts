import { type IpAddress, parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  behavingNat,
  carrierNat,
  createSimulation,
  disagreements,
  HostNetworks,
  lan,
  type NetworkView,
} from '../../src/index.ts';
import { crypto } from './establishments.ts';

const link = lan({ latencyMs: 10 });

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`${text} is no address`);
  return parsed;
}

describe('sessions behind a NAT (RFC 7296 §2.23)', () => {
  it.each([
    ['as RFC 4787 wants it', behavingNat()],
    [
      'with random ports for each remote end',
      behavingNat({ mapping: 'address-and-port-dependent', ports: 'random' }),
    ],
    ['of a mobile network', carrierNat()],
  ])('open and carry packets both ways through one %s', (_, nat) => {
    const simulation = createSimulation({ seed: 1, crypto, link, nat });
    expect(simulation.open().opened).toBe(true);
    expect(simulation.ping('to-server')).toBeDefined();
    expect(simulation.ping('to-client')).toBeDefined();
    expect(disagreements(simulation)).toEqual([]);
    expect(simulation.nat?.counters.mapped).toBe(2);
  });

  it('are kept apart when several hosts behind one use the same ports', () => {
    const simulation = createSimulation({ seed: 1, crypto, link, clients: 5, nat: {} });
    for (const client of simulation.clients) expect(simulation.open(client).opened).toBe(true);
    for (const client of simulation.clients) {
      expect(simulation.ping('to-client', { client })).toBeDefined();
    }
    // Port 500 and port 4500 of each.
    expect(simulation.nat?.mappings()).toHaveLength(10);
  });

  it('are out of reach after a reboot of it until the client has sent something', () => {
    const nat = carrierNat();
    const simulation = createSimulation({ seed: 1, crypto, link, nat });
    simulation.open();
    expect(simulation.ping('to-client')).toBeDefined();
    simulation.nat?.reboot();
    expect(simulation.ping('to-client', { timeoutMs: 1_000 })).toBeUndefined();
    expect(simulation.ping('to-server', { timeoutMs: 1_000 })).toBeDefined();
    expect(simulation.ping('to-client', { timeoutMs: 1_000 })).toBeDefined();
  });

  it('are evicted from a small table by the ports of others', () => {
    const simulation = createSimulation({
      seed: 1,
      crypto,
      link,
      clients: 4,
      nat: { maxMappings: 3, ports: 'random' },
    });
    for (const client of simulation.clients) simulation.open(client);
    expect(simulation.nat?.counters.evicted).toBeGreaterThan(0);
    expect(simulation.ping('to-client', { timeoutMs: 1_000 })).toBeUndefined();
  });
});

describe('a session of a host that can be in several networks', () => {
  it('opens from the preferred one, and goes on through another when the host leaves it', () => {
    let phone: HostNetworks | undefined;
    const views: NetworkView[] = [];
    const simulation = createSimulation({
      seed: 1,
      crypto,
      client: {
        networks({ network, clock }) {
          const home = network.addNat({
            name: 'home',
            addresses: [address('198.51.100.7')],
            settings: behavingNat(),
            seed: 1,
          });
          phone = new HostNetworks({
            network,
            clock,
            networks: [
              {
                name: 'wifi',
                segment: home.inside,
                addresses: [address('192.168.1.2')],
                metric: 100,
              },
              {
                name: 'lte',
                addresses: [address('100.64.0.2'), address('2001:db8:9::2')],
                metric: 600,
              },
            ],
            joined: ['wifi', 'lte'],
          });
          phone.onChange((view) => views.push(view));
          return phone;
        },
      },
    });
    expect(simulation.open().opened).toBe(true);
    expect(simulation.ping('to-client')).toBeDefined();
    expect(simulation.story()).toContain('192.168.1.2:500 -> 203.0.113.1:500');
    phone?.leave('wifi');
    simulation.runFor(1_000);
    expect(simulation.client.addresses).toEqual([address('100.64.0.2'), address('2001:db8:9::2')]);
    expect(views.map(({ networkKey }) => networkKey)).toEqual(['lte/core']);
    // The endpoint was told, and the session has followed.
    expect(simulation.ping('to-server', { timeoutMs: 1_000 })).toBeDefined();
    expect(simulation.ping('to-client', { timeoutMs: 1_000 })).toBeDefined();
    expect(simulation.story()).toContain('100.64.0.2:4500 -> 203.0.113.1:4500');
  });
});
