import { VirtualClock } from '@ipsec-kit/clock';
import { type Endpoint, formatEndpoint, parseAddress, parseEndpoint } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  type Attachment,
  behavingNat,
  createLink,
  createMtuLimit,
  formatTrace,
  lan,
  type Nat,
  type NatOptions,
  type NetworkSegment,
  VirtualNetwork,
} from '../../src/index.ts';

function endpoint(text: string): Endpoint {
  const parsed = parseEndpoint(text);
  if (!parsed) throw new Error(`${text} is no endpoint`);
  return parsed;
}

function address(text: string): Endpoint['address'] {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`${text} is no address`);
  return parsed;
}

/** A network whose hosts answer nothing, and what came to them, as `host: from > to`. */
class Scene {
  readonly clock = new VirtualClock();
  readonly network = new VirtualNetwork({ clock: this.clock });
  readonly came: string[] = [];

  host(name: string, own: string, segment?: NetworkSegment): Attachment {
    return this.network.attach({
      name,
      addresses: [address(own)],
      ...(segment ? { segment } : {}),
      receive: ({ from, to }) =>
        this.came.push(`${name}: ${formatEndpoint(from)} > ${formatEndpoint(to)}`),
    });
  }

  nat(name: string, own: string, parts: Partial<NatOptions> = {}): Nat {
    return this.network.addNat({
      name,
      addresses: [address(own)],
      settings: behavingNat(),
      seed: 1,
      ...parts,
    });
  }

  /** What comes of one datagram. */
  send(host: Attachment, from: string, to: string, sizeBytes = 1): readonly string[] {
    this.came.length = 0;
    host.send(endpoint(from), endpoint(to), new Uint8Array(sizeBytes));
    this.clock.advanceBy(1_000);
    return [...this.came];
  }
}

describe('a NAT in a network', () => {
  it('lets hosts with private addresses reach the core, and be answered', () => {
    const scene = new Scene();
    const home = scene.nat('home', '198.51.100.1');
    const client = scene.host('client', '10.0.0.2', home.inside);
    const server = scene.host('server', '203.0.113.1');
    expect(scene.send(client, '10.0.0.2:4500', '203.0.113.1:4500')).toEqual([
      'server: 198.51.100.1:4500 > 203.0.113.1:4500',
    ]);
    expect(scene.send(server, '203.0.113.1:4500', '198.51.100.1:4500')).toEqual([
      'client: 203.0.113.1:4500 > 10.0.0.2:4500',
    ]);
    expect(home.counters).toMatchObject({ mapped: 1, outward: 1, inward: 1 });
    expect(home.mappings().map(({ inside }) => formatEndpoint(inside))).toEqual(['10.0.0.2:4500']);
  });

  it('keeps several hosts apart that use the same port', () => {
    const scene = new Scene();
    const home = scene.nat('home', '198.51.100.1');
    const server = scene.host('server', '203.0.113.1');
    const sources = ['10.0.0.2', '10.0.0.3'].map((own) => {
      const client = scene.host(own, own, home.inside);
      return scene.send(client, `${own}:4500`, '203.0.113.1:4500')[0]?.split(' ')[1] ?? '';
    });
    expect(new Set(sources).size).toBe(2);
    expect(scene.send(server, '203.0.113.1:4500', sources[1] ?? '')).toEqual([
      '10.0.0.3: 203.0.113.1:4500 > 10.0.0.3:4500',
    ]);
  });

  it('translates twice behind two NATs, whose insides may have the same addresses (RFC 4787 §4.4)', () => {
    const scene = new Scene();
    const carrier = scene.nat('carrier', '198.51.100.1');
    const uplink = [createLink(lan({ latencyMs: 40 }), 1)];
    const home = scene.nat('home', '10.0.0.2', { segment: carrier.inside, middleboxes: uplink });
    const client = scene.host('client', '10.0.0.2', home.inside);
    const server = scene.host('server', '203.0.113.1');
    expect(scene.send(client, '10.0.0.2:500', '203.0.113.1:500')).toEqual([
      'server: 198.51.100.1:500 > 203.0.113.1:500',
    ]);
    expect(scene.send(server, '203.0.113.1:500', '198.51.100.1:500')).toEqual([
      'client: 203.0.113.1:500 > 10.0.0.2:500',
    ]);
    const deliveries = scene.network.trace.filter(({ kind }) => kind === 'delivered');
    expect(deliveries).toMatchObject([{ afterMs: 40 }, { afterMs: 40 }]);
  });

  it('turns round what one host sends to the external address of another, with an external source (RFC 4787 §6, REQ-9)', () => {
    const scene = new Scene();
    const home = scene.nat('home', '198.51.100.1', {
      settings: behavingNat({ filtering: 'endpoint-independent' }),
    });
    const one = scene.host('one', '10.0.0.2', home.inside);
    const two = scene.host('two', '10.0.0.3', home.inside);
    scene.host('server', '203.0.113.1');
    scene.send(two, '10.0.0.3:7000', '203.0.113.1:4500');
    expect(scene.send(one, '10.0.0.2:6000', '198.51.100.1:7000')).toEqual([
      'two: 198.51.100.1:6000 > 10.0.0.3:7000',
    ]);
  });

  it('loses such a packet where it cannot turn it round', () => {
    const scene = new Scene();
    const home = scene.nat('home', '198.51.100.1', {
      settings: behavingNat({ hairpinning: false }),
    });
    const one = scene.host('one', '10.0.0.2', home.inside);
    expect(scene.send(one, '10.0.0.2:6000', '198.51.100.1:7000')).toEqual([]);
    expect(formatTrace(scene.network.trace)).toContain('is lost (home: no hairpinning)');
  });

  it('takes its new address after a reboot, and is not reached by the old one', () => {
    const scene = new Scene();
    const home = scene.nat('home', '198.51.100.1');
    const client = scene.host('client', '10.0.0.2', home.inside);
    const server = scene.host('server', '203.0.113.1');
    scene.send(client, '10.0.0.2:4500', '203.0.113.1:4500');
    home.reboot([address('198.51.100.2')]);
    expect(scene.send(server, '203.0.113.1:4500', '198.51.100.1:4500')).toEqual([]);
    expect(scene.send(client, '10.0.0.2:4500', '203.0.113.1:4500')).toEqual([
      'server: 198.51.100.2:4500 > 203.0.113.1:4500',
    ]);
    expect(home.addresses).toEqual([address('198.51.100.2')]);
  });

  it('tells its story', () => {
    const scene = new Scene();
    const home = scene.nat('home', '198.51.100.1');
    const client = scene.host('client', '10.0.0.2', home.inside);
    const server = scene.host('server', '203.0.113.1');
    scene.send(client, '10.0.0.2:4500', '203.0.113.1:4500');
    home.reboot();
    scene.send(server, '203.0.113.1:4500', '198.51.100.1:4500');
    expect(formatTrace(scene.network.trace).split('\n')).toEqual([
      '0.0000 s  #0  10.0.0.2:4500 -> 203.0.113.1:4500  1 bytes  malformed',
      '0.0000 s  #0  passes home as 198.51.100.1:4500 -> 203.0.113.1:4500 (new mapping)',
      '0.0000 s  #0  reaches server after 0.0 ms',
      '1.0000 s  home reboots and forgets 1 mappings',
      '1.0000 s  #1  203.0.113.1:4500 -> 198.51.100.1:4500  1 bytes  malformed',
      '1.0000 s  #1  is lost (home: no mapping)',
    ]);
  });

  it('loses what its hosts send in a family that it has no address of', () => {
    const scene = new Scene();
    const home = scene.nat('home', '198.51.100.1');
    const client = scene.host('client', '2001:db8::2', home.inside);
    scene.host('server', '2001:db8:1::1');
    expect(scene.send(client, '[2001:db8::2]:500', '[2001:db8:1::1]:500')).toEqual([]);
    expect(formatTrace(scene.network.trace)).toContain('is lost (home: no address or port left)');
  });

  it('refuses a name or an address that is taken', () => {
    const scene = new Scene();
    scene.nat('home', '198.51.100.1');
    expect(() => scene.nat('home', '198.51.100.2')).toThrow('"name" expected a free one');
    expect(() => scene.nat('other', '198.51.100.1')).toThrow('belongs to home already');
  });
});

describe('a path with a smaller MTU than its ends believe (RFC 4821 §1)', () => {
  it.each([
    ['192.0.2.1', '203.0.113.1', 28],
    ['[2001:db8::1]', '[2001:db8::2]', 48],
  ])('swallows what is larger, from %s', (from, to, headerBytes) => {
    const scene = new Scene();
    const client = scene.network.attach({
      name: 'client',
      addresses: [endpoint(`${from}:1`).address],
      middleboxes: [createMtuLimit(1400)],
      receive: () => undefined,
    });
    scene.host('server', to.replace(/[[\]]/g, ''));
    expect(scene.send(client, `${from}:1`, `${to}:1`, 1400 - headerBytes)).toHaveLength(1);
    expect(scene.send(client, `${from}:1`, `${to}:1`, 1401 - headerBytes)).toEqual([]);
    expect(formatTrace(scene.network.trace)).toContain('is lost (mtu 1400)');
  });

  it('may do so in one direction alone', () => {
    const scene = new Scene();
    const server = scene.host('server', '203.0.113.1');
    const client = scene.network.attach({
      name: 'client',
      addresses: [address('192.0.2.1')],
      middleboxes: [createMtuLimit(1280, 'inward')],
      receive: () => scene.came.push('client'),
    });
    expect(scene.send(client, '192.0.2.1:1', '203.0.113.1:1', 1400)).toHaveLength(1);
    expect(scene.send(server, '203.0.113.1:1', '192.0.2.1:1', 1400)).toEqual([]);
    expect(scene.send(server, '203.0.113.1:1', '192.0.2.1:1', 1000)).toEqual(['client']);
  });
});
