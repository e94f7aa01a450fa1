import {
  createInboundSa,
  createOutboundSa,
  type OutboundSa,
  openPacket,
  sealPacket,
} from '@ipsec-kit/esp';
import {
  addToSum,
  buildIcmpEcho,
  checksumOfSum,
  type IpAddress,
  IpProtocol,
  packetAt,
  parseAddress,
  pseudoHeaderSum,
  readUint16,
  writeIpHeader,
  writePackedPath,
  writeTrafficClass,
  writeUint16,
} from '@ipsec-kit/ip';
import type { PacketEngine, SaPair } from '@ipsec-kit/ipsec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batch,
  clientPair,
  clientPath,
  drops,
  engine,
  gcm,
  open,
  packets,
  provider,
  seal,
  serverPair,
  serverPath,
  udp,
} from './engine-fixture.ts';

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`not an address: ${text}`);
  return parsed;
}

const ends = {
  4: { client: '192.0.2.1', server: '198.51.100.1' },
  6: { client: '2001:db8::1', server: '2001:db8::2' },
} as const;

interface Seen {
  readonly local: string;
  readonly remote: string;
  readonly atPeer?: { readonly local: string; readonly remote: string };
}

/** A pair between two hosts; what a NAT shows to the peer is `atPeer`. */
function transport(pair: SaPair, seen: Seen): SaPair {
  const host = (text: string) => ({
    protocol: 0,
    startPort: 0,
    endPort: 65535,
    start: address(text),
    end: address(text),
  });
  return {
    ...pair,
    mode: 'transport',
    localSelectors: [host(seen.local)],
    remoteSelectors: [host(seen.remote)],
    transportAddresses: {
      local: address(seen.local),
      remote: address(seen.remote),
      ...(seen.atPeer
        ? { atPeer: { local: address(seen.atPeer.local), remote: address(seen.atPeer.remote) } }
        : {}),
    },
  };
}

function twoHosts(version: 4 | 6): { client: PacketEngine; server: PacketEngine } {
  const { client, server } = ends[version];
  const made = { client: engine(), server: engine() };
  made.client.install(transport(clientPair(), { local: client, remote: server }));
  made.server.install(transport(serverPair(clientPair()), { local: server, remote: client }));
  return made;
}

/** A packet of an upper layer whose checksum covers the addresses, and is right. */
function packet(from: string, to: string, protocol: number, body: Uint8Array): Uint8Array {
  const source = address(from);
  const { version } = source;
  const headerBytes = version === 4 ? 20 : 40;
  const whole = new Uint8Array(headerBytes + body.length);
  writeIpHeader(whole, 0, { source, destination: address(to), protocol }, body.length);
  whole.set(body, headerBytes);
  const at = headerBytes + checksumAt(protocol);
  writeUint16(whole, at, 0);
  const sum = sumOf(whole, version, protocol);
  writeUint16(whole, at, checksumOfSum(sum) || (protocol === IpProtocol.UDP ? 0xffff : 0));
  return whole;
}

function sumOf(whole: Uint8Array, version: 4 | 6, protocol: number): number {
  const headerBytes = version === 4 ? 20 : 40;
  const length = whole.length - headerBytes;
  const pseudo = pseudoHeaderSum(whole, version === 4 ? 12 : 8, version, protocol, length);
  return addToSum(whole, headerBytes, length, pseudo);
}

function checksumAt(protocol: number): number {
  return protocol === IpProtocol.TCP ? 16 : protocol === IpProtocol.UDP ? 6 : 2;
}

function tcpBody(bytes: number): Uint8Array {
  const body = Uint8Array.from({ length: 20 + bytes }, (_, i) => i * 7);
  body[12] = 0x50;
  return body;
}

/** What is inside an ESP packet from the client, with no engine of ours around. */
function decrypted(esp: Uint8Array): { nextHeader: number; body: Uint8Array } {
  const { encryptionKey, integrityKey, spi } = clientPair().outbound;
  const cipher = provider.createCipher(gcm, { encryption: encryptionKey, integrity: integrityKey });
  const sa = createInboundSa({ spi, cipher, replayWindowPackets: 64 });
  const body = openPacket(sa, esp);
  if (typeof body === 'string') throw new Error(body);
  return { nextHeader: sa.lastNextHeader, body };
}

describe('transport mode (RFC 4303 §3.1.1)', () => {
  it('sends what is behind the IP header, and names its protocol as the next header', () => {
    const v4 = udp('192.0.2.1:1000', '198.51.100.1:80');
    const v6 = udp('[2001:db8::1]:1000', '[2001:db8::2]:80');
    for (const [version, whole, headerBytes] of [
      [4, v4, 20],
      [6, v6, 40],
    ] as const) {
      const [esp] = packets(seal(twoHosts(version).client, [whole]).esp);
      const { nextHeader, body } = decrypted(esp ?? new Uint8Array(0));
      expect(nextHeader).toBe(IpProtocol.UDP);
      expect(body).toEqual(whole.slice(headerBytes));
    }
  });

  it('rebuilds the packet at the other end, TCP, UDP and ICMP, in both families and both ways', () => {
    for (const version of [4, 6] as const) {
      const hosts = twoHosts(version);
      const { client, server } = ends[version];
      const [from, to] = [address(client), address(server)];
      const echo = { kind: 'request', source: from, destination: to, identifier: 7 } as const;
      const there = [
        packet(client, server, IpProtocol.TCP, tcpBody(100)),
        packet(client, server, IpProtocol.UDP, new Uint8Array(33)),
        buildIcmpEcho({ ...echo, sequence: 1, data: new Uint8Array(8) }),
      ];
      expect(open(hosts.server, packets(seal(hosts.client, there).esp))).toEqual(there);
      const back = [packet(server, client, IpProtocol.TCP, tcpBody(1))];
      expect(open(hosts.client, packets(seal(hosts.server, back).esp), clientPath)).toEqual(back);
      expect([drops(hosts.client), drops(hosts.server)]).toEqual([{}, {}]);
    }
  });

  it('has one traffic class, that of the header on the wire (RFC 4303 §3.1.1)', () => {
    for (const version of [4, 6] as const) {
      const hosts = twoHosts(version);
      const { client, server } = ends[version];
      const whole = packet(client, server, IpProtocol.UDP, new Uint8Array(33));
      writeTrafficClass(whole, 0, version, 0xba);
      const { esp } = seal(hosts.client, [whole]);
      expect(esp.trafficClasses?.[0]).toBe(0xba);
      // Congestion was met on the way.
      const [opened] = open(hosts.server, packets(esp), serverPath, 0xbb);
      writeTrafficClass(whole, 0, version, 0xbb);
      expect(opened).toEqual(whole);
    }
  });

  it('carries tunnels of other programs inside: the next header 4 and 41 is a protocol like any other', () => {
    const hosts = twoHosts(4);
    const inner = udp('10.0.0.1:1', '10.0.0.2:2');
    const whole = new Uint8Array(20 + inner.length);
    const [source, destination] = [address('192.0.2.1'), address('198.51.100.1')];
    writeIpHeader(whole, 0, { source, destination, protocol: IpProtocol.IPv4 }, inner.length);
    whole.set(inner, 20);
    expect(open(hosts.server, packets(seal(hosts.client, [whole]).esp))).toEqual([whole]);
  });

  it('finds room for the header when the slot has none in front', () => {
    for (const version of [4, 6] as const) {
      const hosts = twoHosts(version);
      const { client, server } = ends[version];
      const whole = packet(client, server, IpProtocol.TCP, tcpBody(60));
      const [esp = new Uint8Array(0)] = packets(seal(hosts.client, [whole]).esp);
      const received = batch(1);
      received.memory.set(esp, 0);
      received.offsets[0] = 0;
      received.lengths[0] = esp.length;
      received.count = 1;
      writePackedPath(received.paths, 0, serverPath);
      hosts.server.inbound(received);
      expect(packetAt(received, 0)).toEqual(whole);
    }
  });

  it('carries a packet of any length up to its MTU, and nothing is left behind it', () => {
    const hosts = twoHosts(4);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1372 }), (bytes) => {
        const whole = udp('192.0.2.1:1', '198.51.100.1:2', bytes);
        expect(open(hosts.server, packets(seal(hosts.client, [whole]).esp))).toEqual([whole]);
      }),
      { numRuns: 50 },
    );
  });
});

/** The client's outbound SA, for what no engine of ours would send. */
function peerSa(): OutboundSa {
  const { encryptionKey, integrityKey, spi } = clientPair().outbound;
  const cipher = provider.createCipher(gcm, { encryption: encryptionKey, integrity: integrityKey });
  return createOutboundSa({ spi, cipher });
}

/** An IPv6 packet with an extension header of 8 bytes of this kind, which names `next`. */
function extended(kind: number, next: number = IpProtocol['IPv6-NoNxt']): Uint8Array {
  const whole = new Uint8Array(40 + 16);
  const [source, destination] = [address(ends[6].client), address(ends[6].server)];
  writeIpHeader(whole, 0, { source, destination, protocol: kind }, 16);
  whole[40] = next;
  whole[48] = IpProtocol['IPv6-NoNxt'];
  return whole;
}

describe('what transport mode cannot carry', () => {
  it('refuses fragments, the first and later ones (RFC 4303 §3.3.4)', () => {
    const { client } = twoHosts(4);
    const first = udp('192.0.2.1:1', '198.51.100.1:2');
    writeUint16(first, 6, 0x2000);
    const later = udp('192.0.2.1:1', '198.51.100.1:2');
    writeUint16(later, 6, 0x0010);
    expect(seal(client, [first, later]).esp.count).toBe(0);
    expect(drops(client)).toEqual({ 'transport-fragment': 2 });
  });

  it('refuses IPv4 options and IPv6 headers that belong before ESP, and takes destination options', () => {
    const v4 = twoHosts(4);
    const options = udp('192.0.2.1:1', '198.51.100.1:2', 36);
    options[0] = 0x46;
    expect(seal(v4.client, [options]).esp.count).toBe(0);
    expect(drops(v4.client)).toEqual({ 'transport-header': 1 });

    const v6 = twoHosts(6);
    for (const kind of [IpProtocol.HOPOPT, IpProtocol['IPv6-Route'], IpProtocol['IPv6-Frag']]) {
      expect(seal(v6.client, [extended(kind)]).esp.count).toBe(0);
      expect(seal(v6.client, [extended(IpProtocol['IPv6-Opts'], kind)]).esp.count).toBe(0);
    }
    expect(drops(v6.client)).toEqual({ 'transport-header': 6 });
    const destination = extended(IpProtocol['IPv6-Opts']);
    const sealed = packets(seal(v6.client, [destination]).esp);
    expect(decrypted(sealed[0] ?? new Uint8Array(0)).nextHeader).toBe(IpProtocol['IPv6-Opts']);
    expect(open(v6.server, sealed)).toEqual([destination]);
  });

  it('takes none of them from a peer either', () => {
    const { server } = twoHosts(6);
    const body = extended(IpProtocol['IPv6-Frag']).slice(40);
    const fragment = body.slice();
    writeUint16(fragment, 2, 1);
    const sa = peerSa();
    const sent = [
      sealPacket(sa, body, IpProtocol.HOPOPT),
      sealPacket(sa, body, IpProtocol['IPv6-Route']),
      sealPacket(sa, body, IpProtocol['IPv6-Frag']),
      sealPacket(sa, fragment, IpProtocol['IPv6-Frag']),
    ].flatMap((esp) => (typeof esp === 'string' ? [] : [esp]));
    expect(open(server, sent)).toEqual([]);
    expect(drops(server)).toEqual({ 'transport-header': 3, 'transport-fragment': 1 });
  });

  it('discards a dummy packet (RFC 4303 §2.6)', () => {
    const { server } = twoHosts(4);
    const dummy = sealPacket(peerSa(), new Uint8Array(40), IpProtocol['IPv6-NoNxt']);
    expect(open(server, typeof dummy === 'string' ? [] : [dummy])).toEqual([]);
    expect(drops(server)).toEqual({ dummy: 1 });
  });

  it('has an answer to whatever an authentic peer puts behind ESP', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(4 as const, 6 as const),
        fc.integer({ min: 0, max: 255 }),
        fc.uint8Array({ maxLength: 200 }),
        (version, nextHeader, body) => {
          const { server } = twoHosts(version);
          const esp = sealPacket(peerSa(), body, nextHeader);
          const came = open(server, typeof esp === 'string' ? [] : [esp]);
          const dropped = Object.values(drops(server)).reduce((a, b) => a + b, 0);
          expect(came.length + dropped).toBe(1);
          const { client, server: to } = ends[version];
          for (const whole of came) {
            const at = version === 4 ? 12 : 8;
            const bytes = version === 4 ? 4 : 16;
            expect(whole.slice(at, at + bytes)).toEqual(address(client).bytes);
            expect(whole.slice(at + bytes, at + 2 * bytes)).toEqual(address(to).bytes);
            expect(whole).toHaveLength((version === 4 ? 20 : 40) + body.length);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('fragments after ESP, not before it: a large datagram without DF goes whole', () => {
    const { client } = twoHosts(4);
    const large = udp('192.0.2.1:1', '198.51.100.1:2', 1500);
    writeUint16(large, 6, 0);
    const { esp, toTun } = seal(client, [large]);
    expect([esp.count, toTun.length]).toEqual([1, 0]);
    writeUint16(large, 6, 0x4000);
    const refused = seal(client, [large]);
    expect([refused.esp.count, refused.toTun.length]).toEqual([0, 1]);
    expect(drops(client)).toEqual({ 'too-big': 1 });
  });
});

/** The server as a client behind a NAT sees it and as it is, and the client as the server sees it. */
const nats = [
  {
    about: 'in front of the client',
    client: { local: '10.1.2.3', remote: '198.51.100.1' },
    server: { local: '198.51.100.1', remote: '192.0.2.77' },
  },
  {
    about: 'in front of the server',
    client: { local: '192.0.2.1', remote: '198.51.100.9' },
    server: { local: '10.9.0.5', remote: '192.0.2.1' },
  },
  {
    about: 'on both sides',
    client: { local: '10.1.2.3', remote: '198.51.100.9' },
    server: { local: '10.9.0.5', remote: '192.0.2.77' },
  },
  {
    about: 'of IPv6 prefixes in front of the client',
    client: { local: 'fd00::3', remote: '2001:db8::2' },
    server: { local: '2001:db8::2', remote: '2001:db8:ffff::3' },
  },
] as const;

function behindNat({ client, server }: (typeof nats)[number]) {
  const made = { client: engine(), server: engine() };
  const swap = ({ local, remote }: Seen) => ({ local: remote, remote: local });
  made.client.install(transport(clientPair(), { ...client, atPeer: swap(server) }));
  made.server.install(transport(serverPair(clientPair()), { ...server, atPeer: swap(client) }));
  return made;
}

describe('checksums behind a NAT (RFC 3948 §3.1.2, RFC 7296 §2.23.1)', () => {
  for (const nat of nats) {
    it(`${nat.about}: TCP, UDP and ICMPv6 checksums are right for the addresses of the receiver, both ways`, () => {
      const hosts = behindNat(nat);
      const { client, server } = nat;
      const version = address(client.local).version;
      const protocols: number[] = [IpProtocol.TCP, IpProtocol.UDP];
      if (version === 6) protocols.push(IpProtocol['IPv6-ICMP']);
      for (const protocol of protocols) {
        const there = packet(client.local, client.remote, protocol, tcpBody(31));
        const [came] = open(hosts.server, packets(seal(hosts.client, [there]).esp));
        expect(came).toEqual(packet(server.remote, server.local, protocol, tcpBody(31)));
        const back = packet(server.local, server.remote, protocol, tcpBody(32));
        const [answer] = open(hosts.client, packets(seal(hosts.server, [back]).esp), clientPath);
        expect(answer).toEqual(packet(client.remote, client.local, protocol, tcpBody(32)));
      }
    });
  }

  it('leaves a UDP checksum of 0 alone: there is none (RFC 768)', () => {
    const nat = nats[2];
    const hosts = behindNat(nat);
    const whole = udp(`${nat.client.local}:1`, `${nat.client.remote}:2`);
    writeUint16(whole, 26, 0);
    const [came = whole] = open(hosts.server, packets(seal(hosts.client, [whole]).esp));
    expect(readUint16(came, 26)).toBe(0);
    expect(came.slice(12, 16)).toEqual(address(nat.server.remote).bytes);
  });

  it('sends a UDP checksum that comes out as 0 as all ones, whatever the data (RFC 768)', () => {
    const nat = nats[0];
    const hosts = behindNat(nat);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 40 }), (body) => {
        const there = packet(nat.client.local, nat.client.remote, IpProtocol.UDP, body);
        const [came] = open(hosts.server, packets(seal(hosts.client, [there]).esp));
        expect(came).toEqual(packet(nat.server.remote, nat.server.local, IpProtocol.UDP, body));
      }),
      { numRuns: 50 },
    );
    // Data whose sum at the server is all ones.
    const body = new Uint8Array(10);
    const blank = packet(nat.server.remote, nat.server.local, IpProtocol.UDP, body);
    writeUint16(body, 8, readUint16(blank, 26));
    const there = packet(nat.client.local, nat.client.remote, IpProtocol.UDP, body);
    const [came = there] = open(hosts.server, packets(seal(hosts.client, [there]).esp));
    expect(readUint16(came, 26)).toBe(0xffff);
  });

  it('touches a checksum that is wrong no more than one that is right: it stays wrong', () => {
    const nat = nats[0];
    const hosts = behindNat(nat);
    const there = packet(nat.client.local, nat.client.remote, IpProtocol.TCP, tcpBody(5));
    writeUint16(there, 36, readUint16(there, 36) ^ 0x0101);
    const [came = there] = open(hosts.server, packets(seal(hosts.client, [there]).esp));
    expect(checksumOfSum(sumOf(came, 4, IpProtocol.TCP))).not.toBe(0);
  });

  it('does not look for a checksum behind the end of a short packet', () => {
    const nat = nats[0];
    const hosts = behindNat(nat);
    const there = new Uint8Array(20 + 5);
    const [source, destination] = [address(nat.client.local), address(nat.client.remote)];
    writeIpHeader(there, 0, { source, destination, protocol: IpProtocol.TCP }, 5);
    const [came = there] = open(hosts.server, packets(seal(hosts.client, [there]).esp));
    expect(came.slice(20)).toEqual(there.slice(20));
  });
});

describe('the selectors of a transport mode pair', () => {
  it('are checked after the header is back: protocol and ports (RFC 4301 §5.2)', () => {
    const hosts = { client: engine(), server: engine() };
    const seen = { local: '198.51.100.1', remote: '192.0.2.1' };
    const server = transport(serverPair(clientPair()), seen);
    const only80 = server.localSelectors.map((each) => ({
      ...each,
      protocol: IpProtocol.UDP,
      startPort: 80,
      endPort: 80,
    }));
    hosts.client.install(transport(clientPair(), { local: seen.remote, remote: seen.local }));
    hosts.server.install({ ...server, localSelectors: only80 });
    const wanted = udp('192.0.2.1:9', '198.51.100.1:80');
    const other = udp('192.0.2.1:9', '198.51.100.1:81');
    expect(open(hosts.server, packets(seal(hosts.client, [wanted, other]).esp))).toEqual([wanted]);
    expect(drops(hosts.server)).toEqual({ 'selector-mismatch': 1 });
  });

  it('are those of one host on either side, or the pair is refused (RFC 7296 §2.23.1)', () => {
    const pair = transport(clientPair(), { local: '192.0.2.1', remote: '198.51.100.1' });
    const { remoteSelectors } = clientPair();
    expect(() => engine().install({ ...pair, remoteSelectors })).toThrow(/"remoteSelectors"/);
    const { transportAddresses: _, ...without } = pair;
    expect(() => engine().install(without)).toThrow(/"transportAddresses" expected two addresses/);
  });

  it('move with the ports of the peer, which are not in them', () => {
    const hosts = twoHosts(4);
    const whole = udp('192.0.2.1:1', '198.51.100.1:2');
    const elsewhere = { ...serverPath, remote: { ...serverPath.remote, port: 61000 } };
    expect(open(hosts.server, packets(seal(hosts.client, [whole]).esp), elsewhere)).toEqual([
      whole,
    ]);
    expect(hosts.server.drainFacts()).toContainEqual({
      kind: 'peer-moved',
      pairId: 1,
      path: elsewhere,
      bytes: expect.any(Number),
    });
  });
});
