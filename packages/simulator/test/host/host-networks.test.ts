import { VirtualClock } from '@ipsec-kit/clock';
import { type Endpoint, formatAddress, parseEndpoint } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  type Attachment,
  behavingNat,
  createLink,
  formatTrace,
  HostNetworks,
  lan,
  type Middlebox,
  type NetworkView,
  VirtualNetwork,
} from '../../src/index.ts';

const server = endpoint('203.0.113.1:4500');
const onWifi = endpoint('192.168.1.2:4500');
const onLte = endpoint('100.64.0.2:4500');

function endpoint(text: string): Endpoint {
  const parsed = parseEndpoint(text);
  if (!parsed) throw new Error(`${text} is no endpoint`);
  return parsed;
}

interface Scene {
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly networks: HostNetworks;
  readonly phone: Attachment;
  /** Preferred addresses of each view that was told, and when. */
  readonly told: { readonly atMs: number; readonly preferred: readonly string[] }[];
  readonly views: NetworkView[];
  readonly came: string[];
}

/** A phone that can be in a home behind a NAT and in a mobile network, and is at home. */
function phoneScene(joined?: readonly string[]): Scene {
  const clock = new VirtualClock();
  const network = new VirtualNetwork({ clock });
  const home = network.addNat({
    name: 'home',
    addresses: [endpoint('198.51.100.1:0').address],
    settings: behavingNat(),
    seed: 1,
  });
  const link = (latencyMs: number): readonly Middlebox[] => [createLink(lan({ latencyMs }), 1)];
  const networks = new HostNetworks({
    network,
    clock,
    networks: [
      {
        name: 'wifi',
        segment: home.inside,
        addresses: [onWifi.address],
        links: link(5),
        metric: 100,
      },
      { name: 'lte', addresses: [onLte.address], links: link(50), metric: 600 },
    ],
    ...(joined ? { joined } : {}),
  });
  const came: string[] = [];
  const told: { atMs: number; preferred: readonly string[] }[] = [];
  const views: NetworkView[] = [];
  networks.onChange((view) => {
    views.push(view);
    told.push({ atMs: clock.now(), preferred: view.preferredAddresses.map(formatAddress) });
  });
  network.attach({
    name: 'server',
    addresses: [server.address],
    receive: ({ from }) => came.push(`${clock.now()} ${formatAddress(from.address)}`),
  });
  const phone = networks.attach({
    name: 'phone',
    addresses: [],
    receive: () => came.push('phone'),
  });
  return { clock, network, networks, phone, told, views, came };
}

describe('a host that moves between networks', () => {
  it('sends through the network whose address it sends from', () => {
    const { clock, phone, networks, came } = phoneScene();
    networks.join('lte');
    phone.send(onWifi, server, new Uint8Array(1));
    phone.send(onLte, server, new Uint8Array(1));
    clock.advanceBy(1_000);
    expect(came).toEqual(['5 198.51.100.1', '50 100.64.0.2']);
    expect(phone.counters).toMatchObject({ sentDatagrams: 2, sentBytes: 2 });
  });

  it('has the addresses of all networks that it is in, the preferred first', () => {
    const { phone, networks } = phoneScene(['lte']);
    expect(phone.addresses).toEqual([onLte.address]);
    networks.join('wifi');
    expect(phone.addresses).toEqual([onWifi.address, onLte.address]);
    networks.leave('wifi');
    networks.leave('lte');
    expect(phone.addresses).toEqual([]);
  });

  it('is told 100 ms after the first change, and once for what comes together', () => {
    const { clock, networks, told } = phoneScene();
    clock.advanceBy(10_000);
    networks.leave('wifi');
    clock.advanceBy(60);
    networks.join('lte');
    clock.advanceBy(10_000);
    // Never "no network" in between.
    expect(told).toEqual([{ atMs: 10_100, preferred: ['100.64.0.2'] }]);
  });

  it('is told nothing of a network that goes and comes back at once', () => {
    const { clock, networks, told } = phoneScene();
    clock.advanceBy(10_000);
    networks.leave('wifi');
    clock.advanceBy(50);
    networks.join('wifi');
    clock.advanceBy(10_000);
    expect(told).toEqual([]);
  });

  it('is told ten times a second at most of one that flaps', () => {
    const { clock, networks, told } = phoneScene();
    for (let round = 0; round < 1_000; round += 1) {
      if (round % 2 === 0) networks.leave('wifi');
      else networks.join('wifi');
      clock.advanceBy(7);
    }
    expect(told.length).toBeGreaterThan(1);
    expect(told.length).toBeLessThanOrEqual(70);
  });

  it('is told of no network at all when that lasts', () => {
    const { clock, networks, views } = phoneScene();
    networks.leave('wifi');
    clock.advanceBy(1_000);
    expect(views).toMatchObject([
      { addresses: [], defaultRoutes: [], preferredAddresses: [], networkKey: undefined },
    ]);
    expect(views[0]?.interfaces.map(({ name, isUp }) => [name, isUp])).toEqual([
      ['wifi', false],
      ['lte', false],
    ]);
  });

  it('names the network that it would leave by, so that things can be remembered by it', () => {
    const { clock, networks, views } = phoneScene();
    networks.join('lte');
    clock.advanceBy(1_000);
    networks.leave('wifi');
    clock.advanceBy(1_000);
    expect(views.map(({ networkKey }) => networkKey)).toEqual(['wifi/home', 'lte/core']);
    expect(views[0]?.defaultRoutes).toEqual([
      { interface: 'wifi', version: 4, metric: 100 },
      { interface: 'lte', version: 4, metric: 600 },
    ]);
  });

  it('loses what was under way to it in the network that it left, and cannot send from there', () => {
    const { clock, network, networks, phone, came } = phoneScene(['lte']);
    phone.send(onLte, server, new Uint8Array(1));
    clock.advanceBy(1_000);
    network
      .attach({ name: 'other', addresses: [endpoint('203.0.113.2:0').address], receive() {} })
      .send(server, onLte, new Uint8Array(1));
    clock.advanceBy(10);
    networks.leave('lte');
    clock.advanceBy(1_000);
    expect(came).toEqual(['50 100.64.0.2']);
    phone.send(onLte, server, new Uint8Array(9));
    expect(networks.unsendable).toBe(1);
    const story = formatTrace(network.trace);
    expect(story).toContain('is lost (host is gone)');
    expect(story).toContain('phone cannot send 9 bytes: it has not that address any more');
    expect(phone.counters.sentDatagrams).toBe(1);
  });

  it('refuses a network that it does not know', () => {
    const { networks } = phoneScene();
    expect(() => networks.join('dsl')).toThrow('a network of the host (wifi, lte), got dsl');
  });
});
