import { readPackedPath, readUint16, writeUint16 } from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batch,
  clientPair,
  clientPath,
  drops,
  engine,
  open,
  packets,
  path,
  seal,
  serverPair,
  tunnel,
  udp,
} from './engine-fixture.ts';

const v4 = () => udp('10.0.0.5:1000', '10.1.2.3:80');
const v6 = () => udp('[2001:db8:a::5]:1000', '[2001:db8:b::1]:80');

describe('two engines back to back', () => {
  it('carry packets of both families both ways, unchanged', () => {
    const { client, server } = tunnel();
    const there = [v4(), v6(), v4()];
    const { esp } = seal(client, there);
    expect(esp.count).toBe(3);
    expect(readPackedPath(esp.paths, 2)).toEqual(clientPath);
    expect(open(server, packets(esp))).toEqual(there);
    const back = [udp('10.1.2.3:80', '10.0.0.5:1000')];
    expect(open(client, packets(seal(server, back).esp), clientPath)).toEqual(back);
    expect(client.counters()).toMatchObject({ outPackets: 3, inPackets: 1 });
    expect(client.pairCounters(1)).toMatchObject({ outPackets: 3, inPackets: 1, inBytes: 60 });
    expect([drops(client), drops(server)]).toEqual([{}, {}]);
  });

  it('carry whatever packets fit, in order, and count every other', () => {
    const { client, server } = tunnel();
    const inner = fc.record({
      from: fc.constantFrom('10.0.0.5:1', '10.0.1.5:1', '[2001:db8:a::5]:1'),
      to: fc.constantFrom('10.1.2.3:2', '10.2.2.3:2', '[2001:db8:b::1]:2'),
      bytes: fc.integer({ min: 0, max: 1500 }),
    });
    fc.assert(
      fc.property(fc.array(inner, { maxLength: 10 }), (many) => {
        const given = many
          .filter(({ from, to }) => from.startsWith('[') === to.startsWith('['))
          .map(({ from, to, bytes }) => ({ from, to, packet: udp(from, to, bytes) }));
        const fits = given.filter(
          ({ from, to, packet }) =>
            packet.length <= 1400 && !from.startsWith('10.0.1') && !to.startsWith('10.2'),
        );
        const before = Object.values(drops(client)).reduce((a, b) => a + b, 0);
        const { esp } = seal(
          client,
          given.map(({ packet }) => packet),
        );
        expect(open(server, packets(esp))).toEqual(fits.map(({ packet }) => packet));
        const after = Object.values(drops(client)).reduce((a, b) => a + b, 0);
        expect(after - before).toBe(given.length - fits.length);
      }),
    );
  });

  it('work on packets at odd places of the memory', () => {
    const { client, server } = tunnel();
    const esp = batch(2);
    const packet = v4();
    esp.memory.set(packet, 2048 + 777);
    esp.offsets[0] = 2048 + 777;
    esp.lengths[0] = packet.length;
    esp.count = 1;
    client.outbound(esp, batch());
    expect(open(server, packets(esp))).toEqual([packet]);
  });
});

describe('outbound (RFC 4301 §5.1)', () => {
  it('drops what no SA covers, and what an SA covers only in part', () => {
    const { client } = tunnel();
    seal(client, [udp('10.0.0.5:1', '8.8.8.8:1'), udp('10.9.0.5:1', '10.1.2.3:1')]);
    expect(drops(client)).toEqual({ 'no-sa': 1, 'no-policy': 1 });
    const empty = engine();
    expect(seal(empty, [v4()]).esp.count).toBe(0);
    expect(drops(empty)).toEqual({ 'no-sa': 1 });
  });

  it('drops what is no IP packet', () => {
    const { client } = tunnel();
    const cut = v4().subarray(0, 30);
    expect(seal(client, [Uint8Array.of(1, 2, 3), new Uint8Array(60), cut]).esp.count).toBe(0);
    expect(drops(client)).toEqual({ 'malformed-inner': 3 });
  });

  it('drops a packet without room for the headers', () => {
    const { client } = tunnel();
    const esp = batch(1);
    esp.memory.set(v4(), 4);
    esp.offsets[0] = 4;
    esp.lengths[0] = v4().length;
    esp.count = 1;
    client.outbound(esp, batch());
    expect([esp.count, drops(client)]).toEqual([0, { 'no-room': 1 }]);
  });

  it('prefers the longest destination prefix, then protocol and ports', () => {
    const client = engine();
    client.install(clientPair({ id: 1, remote: ['0.0.0.0/0'] }));
    client.install(clientPair({ id: 2, remote: ['10.1.0.0/16[udp/80]'] }));
    client.install(clientPair({ id: 3, remote: ['10.1.0.0/16'] }));
    client.install(clientPair({ id: 4, remote: ['10.1.2.3-10.1.2.4'] }));
    const spiOf = (to: string) => seal(client, [udp('10.0.0.5:1', to)]).esp;
    const id = (to: string) => packets(spiOf(to))[0]?.[3] ?? 0;
    expect([id('8.8.8.8:80'), id('10.1.9.9:80'), id('10.1.9.9:81'), id('10.1.2.4:80')]).toEqual([
      1, 2, 3, 4,
    ]);
    // 10.1.2.5 is under the same covering prefix as the range, but not in it.
    expect(id('10.1.2.5:81')).toBe(3);
  });

  it('falls back to a shorter prefix when the longer one does not take the packet', () => {
    const client = engine();
    client.install(clientPair({ id: 1, remote: ['0.0.0.0/0'] }));
    client.install(clientPair({ id: 2, remote: ['10.1.2.3[tcp]'] }));
    expect(packets(seal(client, [v4()]).esp)[0]?.[3]).toBe(1);
  });

  it('sends on the pair that was activated last, and on the one before when that is gone', () => {
    const client = engine();
    const id = () => packets(seal(client, [v4()]).esp)[0]?.[3];
    client.install(clientPair({ id: 1 }));
    client.install(clientPair({ id: 2, outboundActive: false }));
    expect(id()).toBe(1);
    client.activateOutbound(2);
    expect(id()).toBe(2);
    client.activateOutbound(1);
    expect(id()).toBe(2);
    client.remove(2);
    expect(id()).toBe(1);
    client.remove(1);
    client.remove(1);
    expect(id()).toBeUndefined();
  });

  it('sends no more on a pair that was deactivated, which still receives (RFC 7296 §2.8)', () => {
    const client = engine();
    const server = engine();
    for (const id of [1, 2]) {
      client.install(clientPair({ id }));
      server.install(serverPair(clientPair({ id })));
    }
    const id = () => packets(seal(client, [v4()]).esp)[0]?.[3];
    const back = () => packets(seal(server, [udp('10.1.2.3:1', '10.0.0.5:1')]).esp);
    const onNewest = back();
    client.deactivateOutbound(2);
    client.deactivateOutbound(2);
    expect(id()).toBe(1);
    expect(open(client, [...onNewest, ...back()], clientPath)).toHaveLength(2);
    client.deactivateOutbound(1);
    expect(id()).toBeUndefined();
    expect(drops(client)).toEqual({ 'no-sa': 1 });
    client.remove(1);
    expect(open(client, back(), clientPath)).toHaveLength(1);
    client.activateOutbound(2);
    expect(id()).toBe(2);
    expect(() => client.deactivateOutbound(7)).toThrow(/"pairId" expected an installed pair/);
  });

  it('sends later fragments through selectors without ports only (RFC 4301 §7)', () => {
    const later = v4();
    writeUint16(later, 6, 10);
    expect(seal(tunnel().client, [later]).esp.count).toBe(1);
    const { client } = tunnel({ remote: ['10.1.0.0/16[udp/80]'] });
    expect(seal(client, [v4(), later]).esp.count).toBe(1);
    expect(drops(client)).toEqual({ 'no-policy': 1 });
    const opaque = tunnel({ remote: ['10.1.0.0/16[udp/opaque]'] });
    expect(seal(opaque.client, [v4(), later]).esp.count).toBe(1);
  });

  it('sends to where the peer moved', () => {
    const { client } = tunnel();
    const moved = path('192.0.2.9:4500', '198.51.100.1:4500');
    client.movePeer(1, moved);
    expect(readPackedPath(seal(client, [v4()]).esp.paths, 0)).toEqual(moved);
    expect(() => client.movePeer(7, moved)).toThrow(/"pairId" expected an installed pair, got 7/);
  });

  it('finds one of 10,000 peers', () => {
    const server = engine();
    const address = (id: number) => `10.${id >> 8}.${id & 255}.1`;
    for (let id = 1; id <= 10_000; id += 1) {
      server.install(clientPair({ id, local: ['0.0.0.0/0'], remote: [address(id)] }));
    }
    for (const id of [1, 255, 256, 9_999, 10_000]) {
      const [packet] = packets(seal(server, [udp('1.2.3.4:1', `${address(id)}:1`)]).esp);
      expect(packet && readUint16(packet, 2)).toBe(id);
    }
    expect(seal(server, [udp('1.2.3.4:1', '10.99.0.1:1')]).esp.count).toBe(0);
    for (let id = 1; id <= 10_000; id += 1) server.remove(id);
    expect(seal(server, [udp('1.2.3.4:1', '10.0.1.1:1')]).esp.count).toBe(0);
  });
});

describe('inbound (RFC 4301 §5.2)', () => {
  it('drops what the selectors of its SA do not allow', () => {
    const client = engine();
    const wide = clientPair({ local: ['0.0.0.0/0', '::/0'], remote: ['0.0.0.0/0', '::/0'] });
    client.install(wide);
    const { server } = tunnel();
    const given = [
      udp('10.0.0.5:1', '10.2.0.1:1'),
      udp('10.9.0.5:1', '10.1.0.1:1'),
      v4(),
      udp('[2001:db8:c::1]:1', '[2001:db8:b::1]:1'),
    ];
    expect(open(server, packets(seal(client, given).esp))).toEqual([v4()]);
    expect(drops(server)).toEqual({ 'selector-mismatch': 3 });
    const ports = tunnel({ remote: ['10.1.0.0/16[udp/80]'] });
    open(ports.server, packets(seal(client, [udp('10.0.0.5:1', '10.1.0.1:81')]).esp));
    expect(drops(ports.server)).toEqual({ 'selector-mismatch': 1 });
  });

  it('drops replays, forgeries and unknown SPIs, and counts them', () => {
    const { client, server } = tunnel();
    const [packet] = packets(seal(client, [v4()]).esp);
    if (!packet) throw new Error('no packet');
    const forged = packet.slice();
    forged[40] = (forged[40] ?? 0) ^ 1;
    const stray = packet.slice();
    stray[0] = 0x77;
    const given = [forged, packet, packet, stray, packet.subarray(0, 7), packet.subarray(0, 20)];
    expect(open(server, given)).toEqual([v4()]);
    expect(drops(server)).toEqual({ 'bad-icv': 1, replayed: 1, 'unknown-spi': 1, malformed: 2 });
    expect(server.pairCounters(1)?.replayedPackets).toBe(1);
  });

  it('takes the first packets of a pair that does not send yet', () => {
    const pair = clientPair();
    const client = engine();
    const server = engine();
    client.install(pair);
    server.install({ ...serverPair(pair), outboundActive: false });
    expect(open(server, packets(seal(client, [v4()]).esp))).toEqual([v4()]);
    expect(seal(server, [udp('10.1.2.3:1', '10.0.0.5:1')]).esp.count).toBe(0);
  });

  it('never throws on garbage, and counts every packet of it', () => {
    const { server } = tunnel();
    const spi = fc.constantFrom([], [0, 1, 0, 1], [0, 1, 0, 1, 0, 0, 0, 9]);
    const garbage = fc
      .tuple(spi, fc.uint8Array({ maxLength: 100 }))
      .map(([head, tail]) => Uint8Array.of(...head, ...tail));
    let count = 0;
    fc.assert(
      fc.property(fc.array(garbage, { maxLength: 5 }), (many) => {
        expect(open(server, many)).toEqual([]);
        count += many.length;
      }),
    );
    expect(Object.values(drops(server)).reduce((a, b) => a + b, 0)).toBe(count);
    expect(server.drainFacts().length).toBeLessThanOrEqual(16);
  });

  it('never throws on inner garbage either', () => {
    const { client } = tunnel();
    const first = fc.constantFrom(0x45, 0x4f, 0x60, 0x00);
    fc.assert(
      fc.property(first, fc.uint8Array({ maxLength: 200 }), (head, tail) => {
        const packet = Uint8Array.of(head, ...tail);
        expect(seal(client, [packet]).esp.count).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('install', () => {
  it('refuses an id or SPI that stands already, and values out of range', () => {
    const client = engine();
    client.install(clientPair());
    expect(() => client.install(clientPair())).toThrow(/"pair.id" expected one that is not/);
    const sameSpi = { ...clientPair({ id: 2 }), inbound: clientPair().inbound };
    expect(() => client.install(sameSpi)).toThrow(/"pair.inbound.spi" expected .* got 0x80000001/);
    expect(() => client.install(clientPair({ id: 3, innerMtu: 60 }))).toThrow(
      /"innerMtu" expected/,
    );
    expect(() => client.install(clientPair({ id: 3, local: [] }))).toThrow(/"localSelectors"/);
    expect(seal(client, [v4()]).esp.count).toBe(1);
  });

  it('keeps counting over the life of pairs', () => {
    const { client } = tunnel();
    seal(client, [v4()]);
    client.remove(1);
    expect([client.counters().outPackets, client.pairCounters(1)]).toEqual([1, undefined]);
    client.install(clientPair());
    expect(client.pairCounters(1)?.outPackets).toBe(0);
  });
});
