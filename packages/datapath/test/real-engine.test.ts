import { type CipherSuite, createSeededRandom, Encr, Integ, KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  answerIcmpEcho,
  buildIcmpEcho,
  type Endpoint,
  parseAddress,
  parseEndpoint,
  parseSelector,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import { createPacketEngine, type SaPair } from '@ipsec-kit/ipsec';
import { createMemoryTun } from '@ipsec-kit/tun-adapter/memory';
import { createMemoryNetwork, type MemoryNetwork } from '@ipsec-kit/udp-adapter/memory';
import { describe, expect, it } from 'vitest';
import { createDatapath, type PathFact } from '../src/index.ts';

const suites: Readonly<Record<string, CipherSuite>> = {
  aes256gcm16: { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE },
  'aes128-sha256': {
    encryption: Encr.ENCR_AES_CBC,
    keyBits: 128,
    integrity: Integ.AUTH_HMAC_SHA2_256_128,
  },
};

function known<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the test wrote something that cannot be parsed');
  return value;
}
const endpoint = (text: string): Endpoint => known(parseEndpoint(text));
const address = (text: string) => known(parseAddress(text));
const selector = (text: string): TrafficSelector => known(parseSelector(text));

const alice = { outer: endpoint('192.0.2.1:4500'), inner: '10.0.0.1', spi: 0x1111_1111 };
const bob = { outer: endpoint('198.51.100.1:4500'), inner: '10.0.0.2', spi: 0x2222_2222 };
type Host = typeof alice;

function pair(own: Host, peer: Host, suite: CipherSuite): SaPair {
  const half = (spi: number) => ({
    spi,
    encryptionKey: new KeyMaterial(
      new Uint8Array(suite.integrity === Integ.NONE ? 36 : 16).fill(spi & 0xff),
    ),
    integrityKey: new KeyMaterial(
      new Uint8Array(suite.integrity === Integ.NONE ? 0 : 32).fill(spi & 0xff),
    ),
  });
  return {
    id: 1,
    suite,
    inbound: half(own.spi),
    outbound: half(peer.spi),
    localSelectors: [selector(`${own.inner}/32`)],
    remoteSelectors: [selector(`${peer.inner}/32`)],
    path: { local: own.outer, remote: peer.outer },
    replayWindowPackets: 64,
    limits: {},
    innerMtu: 1300,
    outboundActive: true,
  };
}

function side(network: MemoryNetwork, own: Host, peer: Host, suite: CipherSuite) {
  const engine = createPacketEngine({
    crypto: createNodeProvider(),
    random: createSeededRandom(own.inner),
  });
  engine.install(pair(own, peer, suite));
  const tun = createMemoryTun({ mtu: 1500 });
  const written: Uint8Array[] = [];
  const facts: PathFact[] = [];
  tun.onWritten((packet) => written.push(packet));
  const datapath = createDatapath({
    tun,
    udp: network.bind([own.outer]),
    engine,
    isMarkedPort: () => true,
    onIke: () => undefined,
    onFacts: (more) => facts.push(...more),
  });
  return { engine, tun, written, facts, datapath };
}

const echo = (from: Host, to: Host, bytes: number): Uint8Array =>
  buildIcmpEcho({
    kind: 'request',
    source: known(parseAddress(from.inner)),
    destination: known(parseAddress(to.inner)),
    identifier: 7,
    sequence: 1,
    data: new Uint8Array(bytes).fill(0x5a),
  });

/** The same packet without DF; the header checksum grows by what the flags lose (RFC 1624). */
function fragmentable(packet: Uint8Array): Uint8Array {
  const copy = packet.slice();
  expect(copy[6]).toBe(0x40);
  copy[6] = 0;
  const sum = (((copy[10] ?? 0) << 8) | (copy[11] ?? 0)) + 0x4000;
  const folded = (sum & 0xffff) + (sum >> 16);
  copy[10] = folded >> 8;
  copy[11] = folded;
  return copy;
}

describe.each(Object.entries(suites))('createDatapath with ESP %s', (_name, suite) => {
  const pairOf = () => {
    const onWire: Uint8Array[] = [];
    const network = createMemoryNetwork({
      delivery: 'at-once',
      lose: (datagram) => {
        onWire.push(datagram);
        return false;
      },
    });
    return {
      onWire,
      a: side(network, alice, bob, suite),
      b: side(network, bob, alice, suite),
    };
  };

  it('carries packets both ways and shows none of them on the wire (RFC 3948 §2.1)', () => {
    const { a, b, onWire } = pairOf();
    const request = echo(alice, bob, 1000);
    expect(a.tun.injectAll([request, request])).toBe(2);
    expect(b.written).toEqual([request, request]);
    const answer = echo(bob, alice, 10);
    b.tun.inject(answer);
    expect(a.written).toEqual([answer]);
    expect(onWire.map((datagram) => datagram[0])).toEqual([0x22, 0x22, 0x11]);
    for (const datagram of onWire) {
      expect(Buffer.from(datagram).includes(Buffer.alloc(8, 0x5a))).toBe(false);
    }
  });

  it('tells of the first packet on an SA', () => {
    const { a, b } = pairOf();
    a.tun.inject(echo(alice, bob, 10));
    expect(b.facts).toEqual([{ kind: 'first-inbound', pairId: 1 }]);
  });

  it('carries every packet of bursts larger than a batch', () => {
    const { a, b } = pairOf();
    const packets = Array.from({ length: 200 }, (_, i) => echo(alice, bob, i));
    a.tun.injectAll(packets);
    expect(b.written).toEqual(packets);
    expect(b.datapath.counters).toMatchObject({ espReceived: 200, defects: 0, malformed: 0 });
  });

  it('fragments what is too big, also when the batch was full', () => {
    const { a, b } = pairOf();
    a.tun.injectAll(Array.from({ length: 64 }, () => fragmentable(echo(alice, bob, 1400))));
    expect(b.written).toHaveLength(128);
    expect(b.written.every((packet) => packet.length <= 1300)).toBe(true);
  });

  it('tells the host that a packet is too big', () => {
    const { a, b } = pairOf();
    a.tun.inject(echo(alice, bob, 1400));
    expect(b.written).toEqual([]);
    expect(a.written).toHaveLength(1);
    // ICMP type 3 code 4: fragmentation needed and DF set (RFC 792).
    expect(a.written[0]?.slice(20, 22)).toEqual(Uint8Array.of(3, 4));
    expect(a.datapath.counters.errorsToHost).toBe(1);
  });

  it('sends dummies and probes of its own, of the size that it is told (RFC 4303 §2.6, RFC 8899 §4.1)', () => {
    const { a, b, onWire } = pairOf();
    a.tun.inject(echo(alice, bob, 872));
    a.datapath.sendDummy(1, 900);
    expect(onWire[1]?.length).toBe(onWire[0]?.length);
    const ends = { source: address(alice.inner), destination: address(bob.inner) };
    a.datapath.sendProbe(1, { ...ends, identifier: 5, sequence: 6, bytes: 900 });
    expect(onWire[2]?.length).toBe(onWire[0]?.length);
    const [, request] = b.written;
    b.tun.inject(known(answerIcmpEcho(known(request))));
    expect(a.written).toEqual([]);
    expect(a.facts.at(-1)).toEqual({ kind: 'probe-answered', pairId: 1, sequence: 6 });
    a.datapath.sendDummy(2, 900);
    a.datapath.sendProbe(2, { ...ends, identifier: 5, sequence: 6, bytes: 900 });
    expect([onWire.length, a.datapath.counters.defects]).toEqual([4, 0]);
  });

  it('drops what was changed on the way, and what repeats', () => {
    const { a, b, onWire } = pairOf();
    a.tun.inject(echo(alice, bob, 10));
    const network = createMemoryNetwork({ delivery: 'at-once' });
    const other = side(network, bob, alice, suite);
    const attacker = network.bind([alice.outer]);
    const datagram = known(onWire[0]);
    const changed = datagram.map((byte, i) => (i === datagram.length - 1 ? byte ^ 1 : byte));
    for (const each of [changed, datagram, datagram]) {
      attacker.sendOne(each, alice.outer, bob.outer);
    }
    expect(other.written).toEqual(b.written);
    expect(other.datapath.counters).toMatchObject({ espReceived: 3, defects: 0 });
  });
});
