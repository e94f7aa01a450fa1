import {
  buildIcmpEcho,
  IpProtocol,
  parseAddress,
  writeIpv4HeaderChecksum,
  writeUint16,
} from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  clientPair,
  drops,
  engine,
  open,
  packets,
  seal,
  serverPair,
  udp,
} from './engine-fixture.ts';

/** What a peer without any manners can send: its own selectors allow everything. */
const wild = { local: ['0.0.0.0/0', '::/0'], remote: ['0.0.0.0/0', '::/0'] };

/** What comes out of a pair whose sides are `ours` and `theirs`, as the receiver has them. */
function comesOut(packet: Uint8Array, theirs: string, ours: string): boolean {
  const [client, server] = [engine(), engine()];
  client.install(clientPair(wild));
  server.install(serverPair(clientPair({ local: [theirs], remote: [ours] })));
  const esp = packets(seal(client, [packet]).esp);
  expect(esp.length).toBe(1);
  const came = open(server, esp);
  expect(drops(server)).toEqual(came.length === 1 ? {} : { 'selector-mismatch': 1 });
  return came.length === 1;
}

const v4 = udp('10.0.0.5:1000', '10.1.2.3:53');
const v6 = udp('[2001:db8:a::1]:1000', '[2001:db8:b::1]:53');

function fragment(offsetUnits: number, moreFragments: boolean): Uint8Array {
  const copy = v4.slice();
  writeUint16(copy, 6, (moreFragments ? 0x2000 : 0) | offsetUnits);
  writeIpv4HeaderChecksum(copy, 0, 20);
  return copy;
}

/** A first fragment that ends before its ports. */
function tinyFragment(): Uint8Array {
  const copy = fragment(0, true).slice(0, 22);
  writeUint16(copy, 2, 22);
  writeIpv4HeaderChecksum(copy, 0, 20);
  return copy;
}

function echo(kind: 'request' | 'reply', version: 4 | 6): Uint8Array {
  const texts = version === 4 ? ['10.0.0.5', '10.1.2.3'] : ['2001:db8:a::1', '2001:db8:b::1'];
  const [source, destination] = texts.map(parseAddress);
  if (!source || !destination) throw new Error('not addresses');
  return buildIcmpEcho({
    kind,
    source,
    destination,
    identifier: 1,
    sequence: 1,
    data: new Uint8Array(8),
  });
}

/** A packet whose protocol lies behind more IPv6 headers than are followed. */
function hidden(): Uint8Array {
  const chain = new Uint8Array(8 * 20);
  for (let at = 0; at < chain.length; at += 8) chain[at] = IpProtocol['IPv6-Opts'];
  const packet = Uint8Array.from([...v6.subarray(0, 40), ...chain, ...v6.subarray(40)]);
  packet[6] = IpProtocol['IPv6-Opts'];
  writeUint16(packet, 4, packet.length - 40);
  return packet;
}

const any4 = ['10.0.0.0/8', '10.0.0.0/8'] as const;
const any6 = ['2001:db8::/32', '2001:db8::/32'] as const;

describe('what comes out of a tunnel (RFC 4301 §5.2)', () => {
  it.each([
    ['within', v4, ...any4, true],
    ['from another source', v4, '10.0.0.6/32', '10.1.2.3/32', false],
    ['to another destination', v4, '10.0.0.5/32', '10.1.2.4/32', false],
    ['the other way round', v4, '10.1.2.3/32', '10.0.0.5/32', false],
    ['of the other family', v6, ...any4, false],
    ['of IPv6', v6, ...any6, true],
    ['at the end of a range', v4, '10.0.0.1-10.0.0.5', '10.1.2.3-10.1.2.9', true],
    ['behind a range', v4, '10.0.0.1-10.0.0.4', '10.1.2.3-10.1.2.9', false],
  ])('by addresses: %s', (_, packet, theirs, ours, expected) => {
    expect(comesOut(packet, theirs, ours)).toBe(expected);
  });

  it.each([
    ['the protocol', v4, '10.0.0.0/8[udp]', '10.0.0.0/8[udp]', true],
    ['another protocol', v4, '10.0.0.0/8[tcp]', '10.0.0.0/8[tcp]', false],
    ['the port', v4, '10.0.0.0/8[udp]', '10.0.0.0/8[udp/53]', true],
    ['the port, but of the other side', v4, '10.0.0.0/8[udp/53]', '10.0.0.0/8[udp]', false],
    ['the source port', v4, '10.0.0.0/8[udp/1000]', '10.0.0.0/8[udp]', true],
    ['another port', v4, '10.0.0.0/8[udp]', '10.0.0.0/8[udp/54]', false],
    ['ports that are hidden, not seen', v4, '10.0.0.0/8[udp]', '10.0.0.0/8[udp/opaque]', false],
    ['a protocol that cannot be seen', hidden(), ...any6, true],
    [
      'one that cannot be seen, where one is wanted',
      hidden(),
      '2001:db8::/32[udp]',
      '2001:db8::/32[udp]',
      false,
    ],
  ])('by protocol and ports: %s', (_, packet, theirs, ours, expected) => {
    expect(comesOut(packet, theirs, ours)).toBe(expected);
  });

  it.each([
    ['the first, with ports', fragment(0, true), 'udp/53', true],
    ['a later one, where a port is wanted', fragment(10, true), 'udp/53', false],
    ['a later one, where the protocol is', fragment(10, false), 'udp', true],
    ['a later one of another protocol', fragment(10, false), 'tcp', false],
    ['a later one, where ports are opaque', fragment(10, false), 'udp/opaque', true],
    ['a first one that ends before its ports', tinyFragment(), 'udp/53', false],
  ])('by fragments: %s (RFC 4301 §7)', (_, packet, ours, expected) => {
    const theirs = ours.startsWith('tcp') ? '10.0.0.0/8[tcp]' : '10.0.0.0/8[udp]';
    expect(comesOut(packet, theirs, `10.0.0.0/8[${ours}]`)).toBe(expected);
  });

  it.each([
    [4, 'request', 0x0800, 0x0800, true],
    [4, 'request', 0x0800, 0x08ff, true],
    [4, 'request', 0, 0, false],
    [4, 'reply', 0, 0, true],
    [4, 'reply', 0x0800, 0x08ff, false],
    [6, 'request', 0x8000, 0x8000, true],
    [6, 'reply', 0x8000, 0x80ff, false],
    [6, 'reply', 0x8100, 0x8100, true],
  ] as const)(
    'by type and code: ICMPv%d echo %s where %d to %d may pass (RFC 7296 §3.13.1)',
    (version, kind, startPort, endPort, expected) => {
      const [client, server] = [engine(), engine()];
      client.install(clientPair(wild));
      const pair = serverPair(clientPair());
      const protocol = version === 4 ? IpProtocol.ICMP : IpProtocol['IPv6-ICMP'];
      const only = (of: typeof pair.localSelectors) =>
        of.map((each) => ({ ...each, protocol, startPort, endPort }));
      server.install({
        ...pair,
        localSelectors: only(pair.localSelectors),
        remoteSelectors: only(pair.remoteSelectors),
      });
      const came = open(server, packets(seal(client, [echo(kind, version)]).esp));
      expect(came.length === 1).toBe(expected);
      expect(drops(server)).toEqual(expected ? {} : { 'selector-mismatch': 1 });
    },
  );
});
