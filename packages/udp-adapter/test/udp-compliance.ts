import {
  createPacketBatch,
  type Endpoint,
  formatEndpoint,
  type PacketBatch,
  type Path,
  readPackedPath,
  writePackedPath,
} from '@ipsec-kit/ip';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { SocketUdpAdapter, UdpAdapter } from '../src/index.ts';

/** What a datagram was when it arrived, copied out of the reused batch. */
export interface Arrival {
  readonly data: Uint8Array;
  readonly path: Path;
  readonly headroom: number;
}

/** Copies the datagrams of a batch. */
export function arrivals(batch: PacketBatch): Arrival[] {
  return Array.from({ length: batch.count }, (_, i) => {
    const offset = batch.offsets[i] ?? 0;
    return {
      data: batch.memory.slice(offset, offset + (batch.lengths[i] ?? 0)),
      path: readPackedPath(batch.paths, i),
      headroom: offset % batch.slotBytes,
    };
  });
}

/** A batch with these datagrams on one path. */
export function batchOf(datagrams: readonly Uint8Array[], path: Path): PacketBatch {
  const batch = createPacketBatch({ capacity: datagrams.length, slotBytes: 2048, headroom: 32 });
  for (const [i, datagram] of datagrams.entries()) {
    const offset = i * 2048 + 32;
    batch.memory.set(datagram, offset);
    batch.offsets[i] = offset;
    batch.lengths[i] = datagram.length;
    writePackedPath(batch.paths, i, path);
  }
  batch.count = datagrams.length;
  return batch;
}

/** Collects what arrives, and waits until there is enough. */
export function collect(adapter: UdpAdapter): {
  readonly all: Arrival[];
  count(wanted: number): Promise<readonly Arrival[]>;
} {
  const all: Arrival[] = [];
  let check: () => void = () => undefined;
  adapter.onDatagrams((batch) => {
    all.push(...arrivals(batch));
    check();
  });
  return {
    all,
    count: (wanted) =>
      new Promise((resolve) => {
        check = () => {
          if (all.length >= wanted) resolve(all);
        };
        check();
      }),
  };
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** What adapters on sockets of the system tell of datagrams that it refuses. */
export function describeRefusals(
  name: string,
  bind: (bound: readonly Endpoint[]) => Promise<SocketUdpAdapter>,
): void {
  const loopback: Endpoint = {
    address: { version: 4, bytes: bytes(127, 0, 0, 1) },
    port: 0,
  };
  // To everybody may only a socket send that has asked for it.
  const everybody: Endpoint = {
    address: { version: 4, bytes: bytes(255, 255, 255, 255) },
    port: 4500,
  };

  describe(`${name} that the system refuses a datagram`, () => {
    it('tells who was to get it, from where, and why; each time, and of no other', async () => {
      const adapter = await bind([loopback]);
      const [local = loopback] = adapter.endpoints;
      const refused: string[] = [];
      const twice = new Promise<void>((resolve) => {
        adapter.onRefused?.((one) => {
          const path = `${formatEndpoint(one.local)} ${formatEndpoint(one.remote)}`;
          refused.push(`${path} ${one.code}`);
          if (refused.length === 2) resolve();
        });
      });
      adapter.sendOne(bytes(1), local, local);
      adapter.sendOne(bytes(1), local, everybody);
      adapter.send(batchOf([bytes(1)], { local, remote: everybody }));
      adapter.sendOne(bytes(1), local, everybody);
      await twice;
      const told = `${formatEndpoint(local)} ${formatEndpoint(everybody)} E`;
      expect(refused.every((one) => one.startsWith(told))).toBe(true);
      expect(new Set(refused).size).toBe(1);
      expect(adapter.counters.sendDrops).toBe(3);
      expect(adapter.counters.sent).toBe(1);
      await adapter.close();
    });

    it('says of a batch, to whoever looks, who was to get the last that was refused, and says it once', async () => {
      const adapter = await bind([loopback]);
      const [local = loopback] = adapter.endpoints;
      adapter.send(batchOf([bytes(1)], { local, remote: local }));
      await vi.waitFor(() => expect(adapter.counters.sent).toBe(1));
      expect(adapter.takeRefused?.()).toBeUndefined();
      adapter.send(batchOf([bytes(1), bytes(2), bytes(3, 4)], { local, remote: everybody }));
      await vi.waitFor(() => expect(adapter.counters.sendDrops).toBe(3));
      const refused = adapter.takeRefused?.();
      expect(refused && formatEndpoint(refused.local)).toBe(formatEndpoint(local));
      expect(refused && formatEndpoint(refused.remote)).toBe(formatEndpoint(everybody));
      expect(refused?.code).toMatch(/^E/);
      expect(adapter.takeRefused?.()).toBeUndefined();
      await adapter.close();
    });
  });
}

/** The behaviour that every UDP adapter shows.
 * @param bind - makes adapters that reach one another; port 0 is ephemeral.
 * @param address - an address to bind to.
 */
export function describeUdpAdapter(
  name: string,
  bind: (endpoints: readonly Endpoint[]) => Promise<UdpAdapter>,
  address: Endpoint['address'],
): void {
  describe(`${name} as a UDP adapter`, () => {
    const open: UdpAdapter[] = [];
    const bound = async (ports: readonly number[]): Promise<[UdpAdapter, Endpoint, Endpoint]> => {
      const adapter = await bind(ports.map((port) => ({ address, port })));
      open.push(adapter);
      const [first, second] = adapter.endpoints;
      if (!first) throw new Error('nothing was bound');
      return [adapter, first, second ?? first];
    };
    afterEach(async () => {
      await Promise.all(open.splice(0).map((adapter) => adapter.close()));
    });

    it('gives port 0 a free port and names it', async () => {
      const [adapter] = await bound([0, 0]);
      const ports = adapter.endpoints.map((endpoint) => endpoint.port);
      expect(ports).toHaveLength(2);
      expect(ports.every((port) => port > 0)).toBe(true);
      expect(new Set(ports).size).toBe(2);
    });

    it('delivers a datagram with both ends of its path, seen from the receiver', async () => {
      const [a, aEnd] = await bound([0]);
      const [b, bEnd] = await bound([0]);
      const came = collect(b);
      a.sendOne(bytes(1, 2, 3), aEnd, bEnd);
      const [first] = await came.count(1);
      expect(first?.data).toEqual(bytes(1, 2, 3));
      expect(first && formatEndpoint(first.path.local)).toBe(formatEndpoint(bEnd));
      expect(first && formatEndpoint(first.path.remote)).toBe(formatEndpoint(aEnd));
    });

    it('answers from the endpoint that was asked', async () => {
      const [a, aEnd] = await bound([0]);
      const [b, , second] = await bound([0, 0]);
      b.onDatagrams((batch) => {
        for (const { data, path } of arrivals(batch)) b.sendOne(data, path.local, path.remote);
      });
      const came = collect(a);
      a.sendOne(bytes(9), aEnd, second);
      const [first] = await came.count(1);
      expect(first && formatEndpoint(first.path.remote)).toBe(formatEndpoint(second));
    });

    it('sends a batch in order and leaves headroom in front of what arrives', async () => {
      const [a, aEnd] = await bound([0]);
      const [b, bEnd] = await bound([0]);
      const came = collect(b);
      const datagrams = Array.from({ length: 20 }, (_, i) => new Uint8Array(100 + i).fill(i));
      expect(a.send(batchOf(datagrams, { local: aEnd, remote: bEnd }))).toBe(20);
      const all = await came.count(20);
      expect(all.map((arrival) => arrival.data)).toEqual(datagrams);
      expect(all.every((arrival) => arrival.headroom === 64)).toBe(true);
      expect(a.counters.sent).toBe(20);
      expect(b.counters.received).toBe(20);
    });

    it('has copied a batch when send returns', async () => {
      const [a, aEnd] = await bound([0]);
      const [b, bEnd] = await bound([0]);
      const came = collect(b);
      const batch = batchOf([bytes(7, 7)], { local: aEnd, remote: bEnd });
      a.send(batch);
      batch.memory.fill(0);
      batch.paths.fill(0);
      expect((await came.count(1))[0]?.data).toEqual(bytes(7, 7));
    });

    it('drops and counts a datagram whose local end is not its own', async () => {
      const [a] = await bound([0]);
      const [b, bEnd] = await bound([0]);
      const came = collect(b);
      expect(a.send(batchOf([bytes(1)], { local: bEnd, remote: bEnd }))).toBe(0);
      expect(a.counters).toMatchObject({ sent: 0, sendDrops: 1 });
      expect(came.all).toEqual([]);
    });

    it('drops and counts a datagram larger than a slot, and delivers the next', async () => {
      const [a, aEnd] = await bound([0]);
      const [b, bEnd] = await bound([0]);
      const came = collect(b);
      a.sendOne(new Uint8Array(16385), aEnd, bEnd);
      a.sendOne(new Uint8Array(16384), aEnd, bEnd);
      const [first] = await came.count(1);
      expect(first?.data.length).toBe(16384);
      expect(b.counters).toMatchObject({ received: 1, receiveDrops: 1 });
    });

    it('refuses an endpoint that is taken, with a sentence and a code', async () => {
      const [, taken] = await bound([0]);
      const again = bind([taken]);
      await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' });
      await expect(again).rejects.toThrow(`UDP port ${taken.port} on`);
    });

    it('opens nothing when one of several endpoints is taken', async () => {
      const [, taken] = await bound([0]);
      const [, freed] = await bound([0]);
      await open.pop()?.close();
      await expect(bind([freed, taken])).rejects.toThrow('is in use');
      const [, end] = await bound([freed.port]);
      expect(end.port).toBe(freed.port);
    });

    it('frees its endpoints on close, sends nothing afterwards and closes twice', async () => {
      const [a, aEnd] = await bound([0]);
      await a.close();
      await a.close();
      a.sendOne(bytes(1), aEnd, aEnd);
      expect(a.counters).toMatchObject({ sent: 0, sendDrops: 1 });
      const [, end] = await bound([aEnd.port]);
      expect(end.port).toBe(aEnd.port);
    });

    it('keeps receiving after a handler has thrown away a batch of any content', async () => {
      const [a, aEnd] = await bound([0]);
      const [b, bEnd] = await bound([0]);
      const came = collect(b);
      for (const length of [0, 1, 4, 1500]) a.sendOne(new Uint8Array(length), aEnd, bEnd);
      const lengths = (await came.count(4)).map((arrival) => arrival.data.length);
      expect(lengths).toEqual([0, 1, 4, 1500]);
    });
  });
}

/** What an adapter on sockets of the system does beyond that.
 * @param bind - as for {@link describeUdpAdapter}.
 */
export function describeScratchPorts(
  name: string,
  bind: (endpoints: readonly Endpoint[]) => Promise<SocketUdpAdapter>,
  address: Endpoint['address'],
): void {
  describe(`the scratch ports of ${name}`, () => {
    it('send and receive beside the others, and go when they are told to', async () => {
      const adapter = await bind([{ address, port: 0 }]);
      const peer = await bind([{ address, port: 0 }]);
      const [own] = adapter.endpoints;
      const [far] = peer.endpoints;
      if (!own || !far) throw new Error('nothing was bound');
      const scratch = await adapter.openScratchPort(address);
      expect(scratch.port).not.toBe(own.port);
      expect(adapter.endpoints).toEqual([own]);
      expect(adapter.ports).toEqual([own.port]);
      const [came, back] = [collect(peer), collect(adapter)];
      adapter.sendOne(bytes(1), scratch, far);
      expect((await came.count(1))[0]?.path.remote).toEqual(scratch);
      peer.sendOne(bytes(2), far, scratch);
      expect((await back.count(1))[0]?.path.local).toEqual(scratch);
      await adapter.refresh();
      await adapter.closeScratchPort(scratch);
      await adapter.closeScratchPort(scratch);
      const { sendDrops } = adapter.counters;
      adapter.sendOne(bytes(3), scratch, far);
      expect(adapter.counters.sendDrops).toBe(sendDrops + 1);
      // Its number is free again.
      await (await bind([scratch])).close();
      await adapter.close();
      await peer.close();
    });

    it('go while the adapter is suspended, whose port another may have until it resumes', async () => {
      const adapter = await bind([{ address, port: 0 }]);
      const [own] = adapter.endpoints;
      if (!own) throw new Error('nothing was bound');
      const scratch = await adapter.openScratchPort(address);
      await adapter.suspend();
      expect(adapter.endpoints).toEqual([own]);
      const { sendDrops } = adapter.counters;
      adapter.sendOne(bytes(1), own, scratch);
      expect(adapter.counters.sendDrops).toBe(sendDrops + 1);
      const others = await Promise.all([own, scratch].map((one) => bind([one])));
      await expect(adapter.resume()).rejects.toMatchObject({ code: 'EADDRINUSE' });
      for (const other of others) await other.close();
      await adapter.resume();
      await adapter.resume();
      const peer = await bind([{ address, port: 0 }]);
      const [far] = peer.endpoints;
      if (!far) throw new Error('nothing was bound');
      const came = collect(adapter);
      peer.sendOne(bytes(2), far, own);
      expect((await came.count(1))[0]?.path.local).toEqual(own);
      await adapter.close();
      await peer.close();
    });

    it('are 64 at most, and go with the adapter', async () => {
      const adapter = await bind([{ address, port: 0 }]);
      const open = await Promise.all(
        Array.from({ length: 64 }, () => adapter.openScratchPort(address)),
      );
      expect(new Set(open.map(({ port }) => port)).size).toBe(64);
      await expect(adapter.openScratchPort(address)).rejects.toThrow(RangeError);
      await adapter.close();
      const [first] = open;
      if (first) await (await bind([first])).close();
    });
  });
}
