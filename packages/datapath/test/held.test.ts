import { createSeededRandom, Encr, Integ, KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  buildUdpPacket,
  type Endpoint,
  packetAt,
  parseEndpoint,
  parseSelector,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import { createPacketEngine, type SaPair } from '@ipsec-kit/ipsec';
import { createMemoryTun } from '@ipsec-kit/tun-adapter/memory';
import { createMemoryNetwork, type MemoryNetwork } from '@ipsec-kit/udp-adapter/memory';
import { describe, expect, it } from 'vitest';
import { createDatapath, type Datapath, type PathFact } from '../src/index.ts';

function known<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the test wrote something that cannot be parsed');
  return value;
}
const endpoint = (text: string): Endpoint => known(parseEndpoint(text));
const selector = (text: string): TrafficSelector => known(parseSelector(text));

const alice = { outer: endpoint('192.0.2.1:4500'), inner: '10.0.0.1', spi: 0x1111_1111 };
const bob = { outer: endpoint('198.51.100.1:4500'), inner: '10.0.0.2', spi: 0x2222_2222 };
type Host = typeof alice;

function pair(own: Host, peer: Host): SaPair {
  const half = (spi: number) => ({
    spi,
    encryptionKey: new KeyMaterial(new Uint8Array(36).fill(spi & 0xff)),
    integrityKey: new KeyMaterial(new Uint8Array(0)),
  });
  return {
    id: 1,
    suite: { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE },
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

function side(network: MemoryNetwork, own: Host, peer: Host) {
  const engine = createPacketEngine({
    crypto: createNodeProvider(),
    random: createSeededRandom(own.inner),
  });
  const tun = createMemoryTun({ mtu: 1500 });
  const written: number[] = [];
  const facts: PathFact[] = [];
  /** What a driver does about a fact. */
  const react: { onFact: (fact: PathFact, datapath: Datapath) => void } = {
    onFact: () => undefined,
  };
  tun.onWritten((packet) => written.push(numberIn(packet)));
  const datapath: Datapath = createDatapath({
    tun,
    udp: network.bind([own.outer]),
    engine,
    isMarkedPort: () => true,
    onIke: () => undefined,
    onFacts: (more) => {
      facts.push(...more);
      for (const fact of more) react.onFact(fact, datapath);
    },
  });
  return {
    engine,
    tun,
    written,
    facts,
    datapath,
    react,
    install: () => engine.install(pair(own, peer)),
  };
}

const sides = (options: Parameters<typeof createMemoryNetwork>[0] = { delivery: 'at-once' }) => {
  const network = createMemoryNetwork(options);
  return { a: side(network, alice, bob), b: side(network, bob, alice) };
};

const trap = {
  id: 1,
  localSelectors: [selector(`${alice.inner}/32`)],
  remoteSelectors: [selector('10.0.0.0/24')],
};

function numbered(from: Host, to: Host, number: number, bytes = 4): Uint8Array {
  const payload = new Uint8Array(bytes);
  new DataView(payload.buffer).setUint32(bytes - 4, number);
  const ends = { local: endpoint(`${from.inner}:1`), remote: endpoint(`${to.inner}:1`) };
  return buildUdpPacket(ends, payload);
}

const numberIn = (packet: Uint8Array): number =>
  new DataView(packet.buffer, packet.byteOffset).getUint32(packet.length - 4);
const numbersTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

describe('flush', () => {
  it('gives the host what came before the SA stood (RFC 7296 §2.8)', () => {
    const { a, b } = sides();
    a.engine.reserveSpi(alice.spi);
    b.install();
    b.tun.injectAll(numbersTo(100).map((n) => numbered(bob, alice, n)));
    expect(a.written).toEqual([]);
    a.install();
    a.datapath.flush();
    expect(a.written).toEqual(numbersTo(100));
    expect(a.facts).toEqual([{ kind: 'first-inbound', pairId: 1 }]);
    expect(a.datapath.counters).toMatchObject({ releasedToHost: 100, defects: 0 });
  });

  it('sends what a trap held once an SA is active', () => {
    const { a, b } = sides();
    b.install();
    a.engine.installTrap(trap);
    a.tun.injectAll(numbersTo(200).map((n) => numbered(alice, bob, n)));
    expect(a.facts).toMatchObject([{ kind: 'acquire', trapId: 1 }]);
    a.install();
    a.datapath.flush();
    expect(b.written).toEqual(numbersTo(200));
    expect(a.datapath.counters).toMatchObject({ releasedToPeers: 200, defects: 0 });
    expect(a.facts).toHaveLength(1);
  });

  it('tells the host about held packets that turn out too big', () => {
    const { a, b } = sides();
    b.install();
    a.engine.installTrap(trap);
    const whole = numbered(alice, bob, 1, 1400);
    expect((whole[6] ?? 0) & 0x40).toBe(0x40);
    a.tun.injectAll([whole, numbered(alice, bob, 2)]);
    a.install();
    a.datapath.flush();
    expect(b.written).toEqual([2]);
    expect(a.datapath.counters.errorsToHost).toBe(1);
  });

  it('does nothing when nothing is held', () => {
    const { a } = sides();
    a.datapath.flush();
    expect(a.datapath.counters).toMatchObject({
      releasedToHost: 0,
      releasedToPeers: 0,
      defects: 0,
    });
  });

  it('may be called from a handler of facts, and from one of written packets', () => {
    const { a, b } = sides();
    b.install();
    a.engine.reserveSpi(alice.spi);
    a.engine.installTrap(trap);
    b.tun.injectAll([numbered(bob, alice, 1), numbered(bob, alice, 2)]);
    a.tun.onWritten((packet) => {
      a.written.push(numberIn(packet));
      a.datapath.flush();
      a.tun.inject(numbered(alice, bob, 100 + numberIn(packet)));
    });
    a.react.onFact = (fact, datapath) => {
      if (fact.kind !== 'acquire') return;
      a.install();
      datapath.flush();
    };
    a.tun.injectAll([numbered(alice, bob, 11), numbered(alice, bob, 12)]);
    expect(a.written).toEqual([1, 2]);
    expect(b.written.toSorted((x, y) => x - y)).toEqual([11, 12, 101, 102]);
    expect(a.datapath.counters.defects).toBe(0);
  });

  it('loses none when an adapter calls back in the middle of a batch', () => {
    const { a, b } = sides();
    a.engine.reserveSpi(alice.spi);
    b.install();
    b.tun.injectAll(numbersTo(100).map((n) => numbered(bob, alice, n)));
    a.tun.write = (batch) => {
      for (let i = 0; i < batch.count; i += 1) {
        a.written.push(numberIn(packetAt(batch, i)));
        a.datapath.flush();
      }
      return batch.count;
    };
    a.install();
    a.datapath.flush();
    expect(a.written).toEqual(numbersTo(100));
  });

  it('survives an engine that throws', () => {
    const { a } = sides();
    a.engine.takeReleased = () => {
      throw new Error('broken');
    };
    a.datapath.flush();
    expect(a.datapath.counters.defects).toBe(1);
  });
});

describe('what is held, without a flush', () => {
  it('goes to the host before newer packets of the next batch', () => {
    const { a, b } = sides();
    b.install();
    a.engine.reserveSpi(alice.spi);
    b.tun.injectAll([1, 2, 3].map((n) => numbered(bob, alice, n)));
    a.install();
    b.tun.inject(numbered(bob, alice, 4));
    expect(a.written).toEqual([1, 2, 3, 4]);
  });

  it('goes to the peer before newer packets of the next batch', () => {
    const { a, b } = sides();
    b.install();
    a.engine.installTrap(trap);
    a.tun.injectAll([1, 2, 3].map((n) => numbered(alice, bob, n)));
    a.install();
    a.tun.inject(numbered(alice, bob, 4));
    expect(b.written).toEqual([1, 2, 3, 4]);
  });

  it('goes with a batch that brings only IKE', () => {
    const { a, b } = sides();
    b.install();
    a.engine.reserveSpi(alice.spi);
    b.tun.inject(numbered(bob, alice, 1));
    a.install();
    b.datapath.sendIke(new Uint8Array(28).fill(1), { local: bob.outer, remote: alice.outer }, true);
    expect(a.written).toEqual([1]);
    expect(a.facts).toEqual([{ kind: 'first-inbound', pairId: 1 }]);
  });
});
