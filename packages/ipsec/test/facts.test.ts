import type { PacketEngine } from '@ipsec-kit/ipsec';
import { describe, expect, it } from 'vitest';
import {
  clientPair,
  engine,
  open,
  packets,
  path,
  seal,
  serverPair,
  serverPath,
  tunnel,
  udp,
} from './engine-fixture.ts';

const inner = () => udp('10.0.0.5:1000', '10.1.2.3:80');
const elsewhere = path('198.51.100.1:4500', '203.0.113.9:61000');
const third = path('198.51.100.1:4500', '203.0.113.9:61001');

/** A server that has had its first packet, and a supply of sealed packets for it. */
function established(options: Parameters<typeof clientPair>[0] = {}) {
  const { client, server } = tunnel(options);
  const next = (): Uint8Array[] => packets(seal(client, [inner()]).esp);
  open(server, next());
  expect(server.drainFacts()).toEqual([{ kind: 'first-inbound', pairId: 1 }]);
  return { client, server, next };
}

describe('facts', () => {
  it('tell the first inbound packet once', () => {
    const { server, next } = established();
    open(server, next());
    expect(server.drainFacts()).toEqual([]);
  });

  it('tell that a peer moved, once per place (RFC 7296 §2.23)', () => {
    const { server, next } = established();
    open(server, next(), elsewhere);
    open(server, next(), elsewhere);
    const [told] = server.drainFacts();
    expect(told).toMatchObject({ kind: 'peer-moved', pairId: 1, path: elsewhere });
    open(server, next(), elsewhere);
    expect(server.drainFacts()).toEqual([]);
    server.movePeer(1, elsewhere);
    open(server, next(), elsewhere);
    expect(server.drainFacts()).toEqual([]);
    open(server, next());
    expect(server.drainFacts()).toMatchObject([{ kind: 'peer-moved', path: serverPath }]);
  });

  it('tell that the peer came back, and a move again after that', () => {
    const { server, next } = established();
    open(server, next(), elsewhere);
    expect(server.drainFacts()).toMatchObject([{ kind: 'peer-moved', path: elsewhere }]);
    open(server, next());
    open(server, next());
    expect(server.drainFacts()).toMatchObject([{ kind: 'peer-moved', path: serverPath }]);
    open(server, next(), elsewhere);
    expect(server.drainFacts()).toMatchObject([{ kind: 'peer-moved', path: elsewhere }]);
  });

  it('tell that the peer came back also where packets were told to go on to where they went', () => {
    const { server, next } = established();
    open(server, next(), elsewhere);
    server.movePeer(1, serverPath);
    expect(server.drainFacts()).toMatchObject([{ path: elsewhere }]);
    open(server, next());
    expect(server.drainFacts()).toMatchObject([{ path: serverPath }]);
  });

  it('tell only the last of several moves', () => {
    const { server, next } = established();
    for (let i = 0; i < 10; i += 1) open(server, next(), i % 2 === 0 ? third : elsewhere);
    expect(server.drainFacts()).toMatchObject([{ pairId: 1, path: elsewhere }]);
  });

  it('tell how many bytes came from there, ever less often', () => {
    const { server, next } = established();
    const told: number[] = [];
    let bytes = 0;
    for (let i = 0; i < 32; i += 1) {
      const packet = next();
      bytes += packet[0]?.length ?? 0;
      open(server, packet, elsewhere);
      for (const fact of server.drainFacts()) if (fact.kind === 'peer-moved') told.push(fact.bytes);
    }
    expect(told).toHaveLength(6);
    expect(told.reduce((sum, each) => sum + each, 0)).toBe(bytes);
  });

  it('believe no copy, no late and no forged packet about a move', () => {
    const { server, next } = established();
    const late = next();
    const current = next();
    open(server, current);
    open(server, current, elsewhere);
    open(server, late, elsewhere);
    const forged = next().map((packet) => packet.map((byte, i) => (i === 30 ? byte ^ 1 : byte)));
    open(server, forged, elsewhere);
    expect(server.drainFacts()).toEqual([]);
  });

  it('tell no move without replay protection', () => {
    const { server, next } = established({ replayWindowPackets: 0 });
    open(server, next(), elsewhere);
    expect(server.drainFacts()).toEqual([]);
  });

  it('compare the remote end alone when the local address is not known', () => {
    const { server, next } = established();
    open(server, next(), path('0.0.0.0:4500', '192.0.2.1:4500'));
    expect(server.drainFacts()).toEqual([]);
    open(server, next(), path('0.0.0.0:4500', '192.0.2.1:4501'));
    expect(server.drainFacts()).toMatchObject([{ kind: 'peer-moved' }]);
  });

  it('tell the soft and the hard limit once each (RFC 4301 §4.4.2.1)', () => {
    const { client } = tunnel({ limits: { softPackets: 2, hardPackets: 3 } });
    seal(client, [inner()]);
    expect(client.drainFacts()).toEqual([]);
    expect(seal(client, [inner(), inner(), inner(), inner()]).esp.count).toBe(2);
    expect(client.drainFacts()).toEqual([
      { kind: 'soft-limit', pairId: 1 },
      { kind: 'hard-limit', pairId: 1 },
    ]);
    seal(client, [inner()]);
    expect(client.drainFacts()).toEqual([]);
    expect(client.counters().drops).toMatchObject({ 'lifetime-over': 3 });
  });

  it('tell an unknown SPI once, and again after it was known', () => {
    const { client, server } = tunnel();
    const [packet] = packets(seal(client, [inner()]).esp);
    if (!packet) throw new Error('no packet');
    const stray = packet.slice();
    stray.set([9, 9, 9, 9]);
    open(server, [stray, stray]);
    const told = { kind: 'unknown-spi', spi: 0x09090909, path: serverPath };
    expect(server.drainFacts()).toEqual([told]);
    open(server, [stray]);
    expect(server.drainFacts()).toEqual([]);
    const pair = serverPair(clientPair({ id: 2 }));
    server.install({ ...pair, inbound: { ...pair.inbound, spi: 0x09090909 } });
    server.remove(2);
    open(server, [stray]);
    expect(server.drainFacts()).toEqual([told]);
  });

  it('stay bounded under any number of unknown SPIs', () => {
    const server = engine(8);
    const strays = Array.from({ length: 500 }, (_, i) =>
      Uint8Array.of(7, 7, i >> 8, i, 0, 0, 0, 1),
    );
    open(server, strays);
    expect(server.drainFacts()).toHaveLength(8);
    expect(server.counters().drops).toMatchObject({ 'unknown-spi': 500 });
  });

  it('are told by the next drain when there was no room, without another packet', () => {
    const server = engine(1);
    const client = engine(1);
    const drainAll = (from: PacketEngine): string[] => {
      const told: string[] = [];
      for (let facts = from.drainFacts(); facts.length > 0; facts = from.drainFacts()) {
        expect(facts).toHaveLength(1);
        for (const fact of facts) told.push(`${fact.kind} ${'pairId' in fact ? fact.pairId : ''}`);
      }
      return told.toSorted();
    };
    const all = (...kinds: string[]) =>
      kinds.flatMap((kind) => [1, 2, 3].map((id) => `${kind} ${id}`));
    for (const id of [1, 2, 3]) {
      const limits = { softPackets: 1, hardPackets: 1 };
      const pair = clientPair({ id, remote: [`10.1.${id}.0/24`], limits });
      client.install(pair);
      server.install({ ...serverPair(pair), outboundActive: false });
    }
    for (const id of [1, 2, 3]) {
      const sent = packets(seal(client, [udp('10.0.0.5:1', `10.1.${id}.1:1`)]).esp);
      open(server, sent, elsewhere);
    }
    expect(drainAll(server)).toEqual(all('first-inbound', 'peer-moved', 'soft-limit'));
    for (const id of [1, 2, 3]) seal(client, [udp('10.0.0.5:1', `10.1.${id}.1:1`)]);
    expect(drainAll(client)).toEqual(all('hard-limit', 'soft-limit'));
    expect(drainAll(client)).toEqual([]);
  });

  it('are told later when there was no room', () => {
    const server = engine(1);
    const client = engine();
    for (const id of [1, 2]) {
      const pair = clientPair({ id, remote: [`10.1.${id}.0/24`] });
      client.install(pair);
      server.install(serverPair(pair));
    }
    const both = () =>
      packets(
        seal(
          client,
          [1, 2].map((id) => udp('10.0.0.5:1', `10.1.${id}.1:1`)),
        ).esp,
      );
    open(server, both());
    expect(server.drainFacts()).toEqual([{ kind: 'first-inbound', pairId: 1 }]);
    open(server, both());
    expect(server.drainFacts()).toEqual([{ kind: 'first-inbound', pairId: 2 }]);
  });
});
