import { HELD_FOR_ALL_SPIS, HELD_PER_SPI } from '@ipsec-kit/ipsec';
import { describe, expect, it } from 'vitest';
import {
  batch,
  clientPair,
  clientPath,
  drops,
  engine,
  numbered,
  numberIn,
  numbersFrom,
  open,
  packets,
  path,
  released,
  seal,
  serverPair,
  serverPath,
} from './engine-fixture.ts';

const elsewhere = path('198.51.100.1:4500', '203.0.113.9:61000');

/** A client that has reserved the SPI of its pair, and a server that sends already. */
function early(options: Parameters<typeof clientPair>[0] = {}) {
  const pair = clientPair(options);
  const client = engine();
  const server = engine();
  client.reserveSpi(pair.inbound.spi);
  server.install(serverPair(pair));
  const sealed = (first: number, last: number): Uint8Array[] =>
    numbersFrom(first, last).flatMap((n) =>
      packets(seal(server, [numbered('10.1.2.3:80', '10.0.0.5:1000', n)]).esp),
    );
  return { pair, client, server, sealed };
}

describe('a reserved SPI', () => {
  it('holds what comes before its SA stands, and delivers it in order once it does', () => {
    const { pair, client, sealed } = early();
    expect(open(client, sealed(1, 40), clientPath)).toEqual([]);
    expect(client.drainFacts()).toEqual([]);
    expect(client.counters()).toMatchObject({ heldPackets: 40, inPackets: 0 });
    expect(released(client)).toEqual([]);
    client.install(pair);
    expect(released(client, 7).map(numberIn)).toEqual(numbersFrom(1, 40));
    expect(client.drainFacts()).toEqual([{ kind: 'first-inbound', pairId: 1 }]);
    expect(client.counters()).toMatchObject({ heldPackets: 0, heldBytes: 0, inPackets: 40 });
    expect(open(client, sealed(41, 42), clientPath).map(numberIn)).toEqual([41, 42]);
    expect(drops(client)).toEqual({});
  });

  it('holds for the replay check, the ICV and the selectors what any packet goes through (RFC 4303 §3.4.3)', () => {
    const { pair, client, server, sealed } = early({ local: ['10.0.0.0/24'] });
    const wide = { ...serverPair(clientPair({ id: 2, local: ['0.0.0.0/0'] })), id: 2 };
    server.remove(1);
    server.install({ ...wide, outbound: pair.inbound });
    const [good] = sealed(1, 1);
    const stray = packets(seal(server, [numbered('10.1.2.3:1', '10.9.0.5:1', 2)]).esp);
    if (!good) throw new Error('no packet');
    const forged = good.map((byte, i) => (i === 40 ? byte ^ 1 : byte));
    open(client, [forged, good, good, ...stray], clientPath);
    client.install(pair);
    expect(released(client).map(numberIn)).toEqual([1]);
    expect(drops(client)).toEqual({ 'bad-icv': 1, replayed: 1, 'selector-mismatch': 1 });
  });

  it('tells from where its packets came', () => {
    const { pair, client, sealed } = early();
    open(client, sealed(1, 1), { local: elsewhere.local, remote: elsewhere.remote });
    client.install(pair);
    released(client);
    expect(client.drainFacts()).toMatchObject([
      { kind: 'first-inbound' },
      { kind: 'peer-moved', path: elsewhere },
    ]);
  });

  it('lets no newer packet overtake what it holds, so that the window takes all of it', () => {
    const { pair, client, sealed } = early({ replayWindowPackets: 32 });
    open(client, sealed(1, 300), clientPath);
    client.install(pair);
    expect(open(client, sealed(301, 310), clientPath)).toEqual([]);
    expect(client.takeReleased(batch(16))).toBe(16);
    expect(open(client, sealed(311, 311), clientPath)).toEqual([]);
    expect(released(client).map(numberIn)).toEqual(numbersFrom(17, 311));
    expect(open(client, sealed(312, 312), clientPath).map(numberIn)).toEqual([312]);
    expect(drops(client)).toEqual({});
  });

  it('keeps the first packets and counts the others', () => {
    const { pair, client, sealed } = early();
    open(client, sealed(1, HELD_PER_SPI.packets + 100), clientPath);
    expect(client.counters().heldPackets).toBe(HELD_PER_SPI.packets);
    expect(drops(client)).toEqual({ 'held-queue-full': 100 });
    client.install(pair);
    expect(released(client).map(numberIn)).toEqual(numbersFrom(1, HELD_PER_SPI.packets));
  });

  it('is bounded together with all others', () => {
    const client = engine();
    const garbage = new Uint8Array(60);
    for (let spi = 1; spi <= 12; spi += 1) {
      client.reserveSpi(spi);
      garbage[3] = spi;
      open(
        client,
        Array.from({ length: HELD_PER_SPI.packets }, () => garbage),
      );
    }
    const dropped = 12 * HELD_PER_SPI.packets - HELD_FOR_ALL_SPIS.packets;
    expect(client.counters().heldPackets).toBe(HELD_FOR_ALL_SPIS.packets);
    expect(client.counters().heldBytes).toBe(HELD_FOR_ALL_SPIS.packets * 60);
    expect(drops(client)).toEqual({ 'held-queue-full': dropped });
    for (let spi = 1; spi <= 12; spi += 1) client.releaseSpi(spi);
    expect(client.counters()).toMatchObject({ heldPackets: 0, heldBytes: 0 });
  });

  it('is unknown again after it was released, and what it held is gone', () => {
    const { pair, client, sealed } = early();
    open(client, sealed(1, 3), clientPath);
    client.releaseSpi(pair.inbound.spi);
    client.releaseSpi(pair.inbound.spi);
    expect(open(client, sealed(4, 4), clientPath)).toEqual([]);
    expect(drops(client)).toEqual({ 'held-discarded': 3, 'unknown-spi': 1 });
    expect(client.drainFacts()).toMatchObject([{ kind: 'unknown-spi', spi: pair.inbound.spi }]);
    client.install(pair);
    expect(released(client)).toEqual([]);
    expect(open(client, sealed(5, 5), clientPath).map(numberIn)).toEqual([5]);
  });

  it('keeps what it holds when it is reserved again, and when an install is refused', () => {
    const { pair, client, sealed } = early();
    open(client, sealed(1, 2), clientPath);
    client.reserveSpi(pair.inbound.spi);
    expect(() => client.install({ ...pair, innerMtu: 1 })).toThrow(/"innerMtu" expected/);
    open(client, sealed(3, 3), clientPath);
    client.install(pair);
    expect(released(client).map(numberIn)).toEqual([1, 2, 3]);
  });

  it('gives up what was not taken when its pair is removed', () => {
    const { pair, client, sealed } = early();
    open(client, sealed(1, 5), clientPath);
    client.install(pair);
    client.remove(1);
    expect(released(client)).toEqual([]);
    expect(drops(client)).toEqual({ 'held-discarded': 5 });
    expect(client.counters().heldPackets).toBe(0);
  });

  it('is unknown again after its pair was removed', () => {
    const { pair, client, sealed } = early();
    open(client, sealed(1, 1), clientPath);
    client.install(pair);
    released(client);
    client.remove(1);
    open(client, sealed(2, 2), clientPath);
    expect(drops(client)).toEqual({ 'unknown-spi': 1 });
  });

  it('counts what does not fit the batch it is to go into', () => {
    const { pair, client, server, sealed } = early();
    const long = new Uint8Array(2048 - 64);
    long.set(sealed(1, 1)[0]?.subarray(0, 8) ?? []);
    open(client, [long, ...sealed(2, 2)], clientPath);
    client.install(pair);
    const small = { ...batch(1), slotBytes: 1000 };
    expect(client.takeReleased(small)).toBe(1);
    expect(numberIn(packets(small)[0] ?? new Uint8Array(4))).toBe(2);
    expect(drops(client)).toEqual({ 'no-room': 1 });
    expect(server.counters().outPackets).toBe(2);
  });

  it('delivers for several SPIs in the order of their installation', () => {
    const client = engine();
    const pairs = [1, 2, 3].map((id) => clientPair({ id }));
    for (const pair of pairs) {
      client.reserveSpi(pair.inbound.spi);
      const server = engine();
      server.install(serverPair(pair));
      const inner = [1, 2, 3].map((n) => numbered('10.1.2.3:1', '10.0.0.5:1', pair.id * 10 + n));
      open(client, packets(seal(server, inner).esp), clientPath);
    }
    for (const pair of pairs.toReversed()) client.install(pair);
    expect(released(client, 2).map(numberIn)).toEqual([31, 32, 33, 21, 22, 23, 11, 12, 13]);
  });

  it('is refused when it is out of range or has an SA', () => {
    const client = engine();
    client.install(clientPair());
    for (const spi of [0, -1, 1.5, 2 ** 32, clientPair().inbound.spi]) {
      expect(() => client.reserveSpi(spi)).toThrow(/"spi" expected 1 to 4294967295/);
    }
    client.reserveSpi(0xffffffff);
    expect(open(client, [new Uint8Array(60).fill(255)], serverPath)).toEqual([]);
    expect(client.counters().heldPackets).toBe(1);
  });
});
