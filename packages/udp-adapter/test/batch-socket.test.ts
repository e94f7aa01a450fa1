import { networkInterfaces } from 'node:os';
import {
  createPacketBatch,
  type Endpoint,
  formatPath,
  type IpAddress,
  type PacketBatch,
  packetBatchIn,
  parseAddress,
  readPackedPath,
  writePackedPath,
} from '@ipsec-kit/ip';
import {
  IP_MTU_DISCOVER,
  IP_PMTUDISC_DONT,
  IP_PMTUDISC_PROBE,
  IPV6_MTU_DISCOVER,
  loadSystemCalls,
  type MappedMemory,
  MMSGHDR,
  POLLERR,
  PosixError,
  rawMemory,
  SOL_IP,
  SOL_IPV6,
  type SystemCalls,
} from '@ipsec-kit/posix';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type BatchSocket,
  type BatchSocketOptions,
  openBatchSocket,
  receiveBatchShape,
} from '../src/index.ts';
import { batchSocketsAreHere } from './batch-socket-gate.ts';

const isHere = batchSocketsAreHere();
const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((entry) => entry?.address === '::1');

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`not an address: ${text}`);
  return parsed;
}

function systemCalls(): SystemCalls {
  const loaded = loadSystemCalls();
  if (!loaded.ok) throw new Error(loaded.reason);
  return loaded.calls;
}

/** A batch of packets; each has its own path and traffic class. */
function outgoing(
  packets: readonly {
    data: Uint8Array;
    local: Endpoint;
    remote: Endpoint;
    trafficClass?: number;
  }[],
): PacketBatch {
  const batch = createPacketBatch({ capacity: packets.length, slotBytes: 4096, headroom: 64 });
  packets.forEach(({ data, local, remote, trafficClass = 0 }, i) => {
    batch.memory.set(data, i * 4096 + 64);
    batch.offsets[i] = i * 4096 + 64;
    batch.lengths[i] = data.length;
    writePackedPath(batch.paths, i, { local, remote });
    if (batch.trafficClasses) batch.trafficClasses[i] = trafficClass;
  });
  batch.count = packets.length;
  return batch;
}

interface Came {
  readonly data: Uint8Array;
  readonly path: string;
  readonly trafficClass: number | undefined;
}

function received(socket: BatchSocket, messages = 8): Came[] {
  const shape = receiveBatchShape(messages);
  const batch = packetBatchIn(new Uint8Array(shape.capacity * shape.slotBytes), shape);
  const all: Came[] = [];
  for (let more = true; more; ) {
    more = socket.receive(batch);
    for (let i = 0; i < batch.count; i += 1) {
      const offset = batch.offsets[i] ?? 0;
      all.push({
        data: batch.memory.slice(offset, offset + (batch.lengths[i] ?? 0)),
        path: formatPath(readPackedPath(batch.paths, i)),
        trafficClass: batch.trafficClasses?.[i],
      });
    }
  }
  return all;
}

const families = [
  ['IPv4', '127.0.0.1', '127.0.0.2', '0.0.0.0'] as const,
  ...(hasIpv6 ? [['IPv6', '::1', '::1', '::'] as const] : []),
];

describe.runIf(isHere).each(families)('a socket for batches over %s', (_, first, second, all) => {
  const open: BatchSocket[] = [];
  const calls = isHere ? systemCalls() : undefined;
  const make = (options: Partial<BatchSocketOptions> = {}, given?: SystemCalls): BatchSocket => {
    const system = given ?? calls;
    if (!system) throw new Error('there are no system calls');
    const result = openBatchSocket(system, {
      bind: { address: address(first), port: 0 },
      ...options,
    });
    if (!result.ok) throw result.error;
    open.push(result.socket);
    return result.socket;
  };
  afterEach(() => {
    for (const socket of open.splice(0)) socket.close();
  });
  const numbered = (count: number, length: (i: number) => number): Uint8Array[] =>
    Array.from({ length: count }, (_each, i) => new Uint8Array(length(i)).fill(i + 1));

  it('sends packets of one length in one piece, which arrive as they were', () => {
    let messages = 0;
    if (!calls) throw new Error('there are no system calls');
    const counting: SystemCalls = {
      ...calls,
      sendmmsg: (fd, table, count, flags) => {
        messages += count;
        return calls.sendmmsg(fd, table, count, flags);
      },
    };
    const a = make({}, counting);
    const b = make();
    const data = [
      ...numbered(100, () => 1400),
      ...numbered(3, () => 90),
      new Uint8Array(0),
      ...numbered(5, (i) => 50 + i),
    ];
    const batch = outgoing(
      data.map((each) => ({ data: each, local: a.endpoint, remote: b.endpoint })),
    );
    expect(a.send(batch, 0, batch.count)).toBe(batch.count);
    const came = received(b);
    expect(came.map((each) => each.data)).toEqual(data);
    const path = formatPath({ local: b.endpoint, remote: a.endpoint });
    expect(new Set(came.map((each) => each.path))).toEqual(new Set([path]));
    expect(a.counters).toMatchObject({ sent: data.length, refused: 0 });
    expect(b.counters).toMatchObject({ received: data.length, receiveDrops: 0 });
    expect(a.offloads).toEqual({ segment: true, coalesce: true });
    expect(messages).toBeLessThan(15);
  });

  it('receives no more than one message beyond what is enough, whether a message is one datagram or many', () => {
    const a = make();
    const b = make();
    const shape = receiveBatchShape(16);
    const batch = packetBatchIn(new Uint8Array(shape.capacity * shape.slotBytes), shape);
    const receiveAll = (): number[] => {
      const counts: number[] = [];
      for (let more = true; more; ) {
        more = b.receive(batch, 64);
        counts.push(batch.count);
      }
      return counts;
    };
    const send = (data: readonly Uint8Array[]): void => {
      const packets = data.map((each) => ({ data: each, local: a.endpoint, remote: b.endpoint }));
      expect(a.send(outgoing(packets), 0, data.length)).toBe(data.length);
    };
    send(numbered(50, () => 100));
    receiveAll();
    // Messages of 50 datagrams each, as the length of the last of each ends it.
    send(Array.from({ length: 8 }, () => numbered(50, (i) => (i < 49 ? 100 : 90))).flat());
    const many = receiveAll();
    expect(many.reduce((sum, count) => sum + count)).toBe(400);
    expect(Math.max(...many)).toBeLessThanOrEqual(100);
    // No two of them are of one length, so that each is a message of its own.
    const grow = (): void => send(numbered(64, (i) => 100 + i));
    for (let i = 0; i < 100; i += 1) {
      grow();
      receiveAll();
    }
    grow();
    expect(Math.max(...receiveAll())).toBe(16);
  });

  it('sends to many peers with one call, and tells them apart', () => {
    const a = make();
    const peers = Array.from({ length: 10 }, () => make());
    const packets = peers.flatMap((peer, i) =>
      numbered(3, () => 100 + i).map((data) => ({
        data,
        local: a.endpoint,
        remote: peer.endpoint,
      })),
    );
    const batch = outgoing(packets);
    expect(a.send(batch, 0, batch.count)).toBe(30);
    for (const [i, peer] of peers.entries()) {
      expect(received(peer).map((each) => each.data)).toEqual(numbered(3, () => 100 + i));
    }
    const b = peers[0];
    if (!b) throw new Error('there are peers');
    for (const peer of peers.slice(1)) {
      peer.send(
        outgoing([{ data: Uint8Array.of(7), local: peer.endpoint, remote: b.endpoint }]),
        0,
        1,
      );
    }
    expect(received(b).map((each) => each.path)).toEqual(
      peers.slice(1).map((peer) => formatPath({ local: b.endpoint, remote: peer.endpoint })),
    );
  });

  it('knows on a wildcard to which address a datagram came, and answers from there', () => {
    const wildcard = make({ bind: { address: address(all), port: 0 } });
    const asked: Endpoint = { address: address(second), port: wildcard.endpoint.port };
    const client = make();
    client.send(
      outgoing([{ data: Uint8Array.of(1), local: client.endpoint, remote: asked }]),
      0,
      1,
    );
    expect(received(wildcard).map((each) => each.path)).toEqual([
      formatPath({ local: asked, remote: client.endpoint }),
    ]);
    wildcard.send(
      outgoing([{ data: Uint8Array.of(2), local: asked, remote: client.endpoint }]),
      0,
      1,
    );
    expect(received(client)).toMatchObject([
      { path: formatPath({ local: client.endpoint, remote: asked }) },
    ]);
  });

  it('carries ECN and DSCP both ways (RFC 6040 §4)', () => {
    const a = make();
    const b = make();
    const classes = [0, 1, 1, 2, 3, 0xb8, 0];
    const packets = classes.map((trafficClass, i) => ({
      data: new Uint8Array(60).fill(i),
      local: a.endpoint,
      remote: b.endpoint,
      trafficClass,
    }));
    a.send(outgoing(packets), 0, packets.length);
    expect(received(b).map((each) => each.trafficClass)).toEqual(classes);
  });

  it('refuses another family, port 0 and foreign addresses, and sends what is between them', () => {
    const a = make();
    const b = make();
    const data = Uint8Array.of(1);
    const other = address(first === '::1' ? '127.0.0.1' : '::1');
    const foreign = address(first === '::1' ? '2001:db8::77' : '192.0.2.77');
    const batch = outgoing([
      { data, local: a.endpoint, remote: { address: other, port: 9 } },
      { data, local: a.endpoint, remote: b.endpoint },
      { data, local: a.endpoint, remote: { address: b.endpoint.address, port: 0 } },
      { data, local: { address: foreign, port: a.endpoint.port }, remote: b.endpoint },
      { data, local: a.endpoint, remote: b.endpoint },
    ]);
    expect(a.send(batch, 0, 5)).toBe(5);
    expect(a.counters).toMatchObject({ sent: 2, refused: 3 });
    expect(a.lastErrno).not.toBe(0);
    expect(received(b)).toHaveLength(2);
  });

  it('never sends what lies beyond the memory of a batch', () => {
    const a = make();
    const data = Uint8Array.of(1);
    const batch = outgoing([
      { data, local: a.endpoint, remote: a.endpoint },
      { data, local: a.endpoint, remote: a.endpoint },
    ]);
    batch.offsets[1] = batch.memory.length;
    expect(() => a.send(batch, 0, 2)).toThrow('inside of its memory');
    expect(received(a)).toEqual([]);
  });

  it('refuses a batch that has no room for one message, instead of promising more for ever', () => {
    const batch = createPacketBatch({ capacity: 64, slotBytes: 2048, headroom: 0 });
    expect(() => make().receive(batch)).toThrow('receiveBatchShape');
  });

  it('drops and counts a datagram whose control data was cut off', () => {
    if (!calls) throw new Error('there are no system calls');
    const MSG_CTRUNC = 8;
    let isCut = true;
    const cutting: SystemCalls = {
      ...calls,
      recvmmsg(fd, table, count, flags) {
        const came = calls.recvmmsg(fd, table, count, flags);
        const flagsAt = MMSGHDR.fields.flags.offset;
        if (came > 0 && isCut) markMessage(table + flagsAt, MSG_CTRUNC);
        return came;
      },
      mapMemory(sizeBytes) {
        const mapped = calls.mapMemory(sizeBytes);
        maps.push(mapped);
        return mapped;
      },
    };
    const maps: MappedMemory[] = [];
    function markMessage(at: number, flag: number): void {
      const map = maps.find((each) => at >= each.address && at < each.address + each.bytes.length);
      if (!map) throw new Error('the table is in mapped memory');
      map.bytes[at - map.address] = (map.bytes[at - map.address] ?? 0) | flag;
    }
    const a = make();
    const b = make({}, cutting);
    const one = outgoing([{ data: Uint8Array.of(1), local: a.endpoint, remote: b.endpoint }]);
    a.send(one, 0, 1);
    expect(received(b)).toEqual([]);
    expect(b.counters).toMatchObject({ received: 0, receiveDrops: 1 });
    isCut = false;
    a.send(one, 0, 1);
    expect(received(b)).toHaveLength(1);
  });

  it('leaves no descriptor open when there is no memory for its messages', () => {
    if (!calls) throw new Error('there are no system calls');
    let maps = 0;
    const closed: number[] = [];
    let opened = -1;
    const poor: SystemCalls = {
      ...calls,
      socket: (...args) => {
        opened = calls.socket(...args);
        return opened;
      },
      close: (fd) => {
        closed.push(fd);
        return calls.close(fd);
      },
      mapMemory(sizeBytes) {
        maps += 1;
        if (maps > 1) throw new PosixError('mmap', 12);
        return calls.mapMemory(sizeBytes);
      },
    };
    const bind = { address: address(first), port: 0 };
    expect(openBatchSocket(poor, { bind })).toMatchObject({ ok: false, error: { code: 'ENOMEM' } });
    expect(closed).toEqual([opened]);
  });

  it('sends one by one what the device cannot segment, and goes on so', () => {
    if (!calls) throw new Error('there are no system calls');
    const tables: number[] = [];
    let hasRefused = false;
    const weak: SystemCalls = {
      ...calls,
      sendmmsg: (fd, table, count, flags) => {
        tables.push(count);
        if (!hasRefused) {
          hasRefused = true;
          return -5;
        }
        return calls.sendmmsg(fd, table, count, flags);
      },
    };
    const a = make({}, weak);
    const b = make();
    const data = numbered(20, () => 500);
    const batch = outgoing(
      data.map((each) => ({ data: each, local: a.endpoint, remote: b.endpoint })),
    );
    expect(a.send(batch, 0, 20)).toBe(20);
    expect(a.send(batch, 0, 20)).toBe(20);
    expect(received(b).map((each) => each.data)).toEqual([...data, ...data]);
    expect(tables).toEqual([1, 20, 20]);
    expect(a.offloads.segment).toBe(false);
  });

  it('stops where the buffer of the system is full, and says how far it came', () => {
    if (!calls) throw new Error('there are no system calls');
    let budget = 1;
    const full: SystemCalls = {
      ...calls,
      sendmmsg: (fd, table, count, flags) => {
        budget -= 1;
        return budget < 0 ? -11 : calls.sendmmsg(fd, table, Math.min(count, 2), flags);
      },
    };
    const a = make({}, full);
    const b = make();
    const batch = outgoing(
      numbered(9, (i) => 100 + i).map((data) => ({ data, local: a.endpoint, remote: b.endpoint })),
    );
    const done = a.send(batch, 0, 9);
    expect(done).toBe(2);
    expect(a.counters).toMatchObject({ sent: 2, refused: 0 });
    budget = 100;
    expect(a.send(batch, done, 9)).toBe(7);
    expect(received(b)).toHaveLength(9);
  });

  it('takes as many messages at once as there is memory for', () => {
    const a = make();
    const b = make();
    const batch = outgoing(
      numbered(9, (i) => 100 + i).map((data) => ({ data, local: a.endpoint, remote: b.endpoint })),
    );
    a.send(batch, 0, 9);
    expect(received(b, 2).map((each) => each.data.length)).toEqual([
      100, 101, 102, 103, 104, 105, 106, 107, 108,
    ]);
  });

  it('sets the DF bit for those who probe on their own, and lets others fragment', () => {
    if (!calls) throw new Error('there are no system calls');
    const [level, option] =
      first === '::1' ? [SOL_IPV6, IPV6_MTU_DISCOVER] : [SOL_IP, IP_MTU_DISCOVER];
    const { words32, address: at } = rawMemory(calls.mapMemory(8));
    const modeOf = ({ fd }: BatchSocket): number | undefined => {
      words32[1] = 4;
      expect(calls.getsockopt(fd, level, option, at, at + 4)).toBe(0);
      return words32[0];
    };
    expect(modeOf(make({ dontFragment: true }))).toBe(IP_PMTUDISC_PROBE);
    expect(modeOf(make({ dontFragment: false }))).toBe(IP_PMTUDISC_DONT);
  });

  it('sets the DF bit for one packet, and does with the next as it did before', () => {
    if (!calls) throw new Error('there are no system calls');
    const [level, option] =
      first === '::1' ? [SOL_IPV6, IPV6_MTU_DISCOVER] : [SOL_IP, IP_MTU_DISCOVER];
    const modes: number[] = [];
    const scratch = calls.mapMemory(64);
    const { words32, address: at } = rawMemory(scratch);
    const modeOf = (fd: number): number => {
      words32[2] = 4;
      calls.getsockopt(fd, level, option, at, at + 8);
      return words32[0] ?? -1;
    };
    const watching: SystemCalls = {
      ...calls,
      sendmmsg: (fd, table, count, flags) => {
        modes.push(modeOf(fd));
        return calls.sendmmsg(fd, table, count, flags);
      },
    };
    const a = make({ dontFragment: false }, watching);
    const b = make();
    const data = Uint8Array.of(1, 2, 3);
    const batch = outgoing([{ data, local: a.endpoint, remote: b.endpoint }]);
    expect(a.sendWhole(batch, 0)).toBe(true);
    a.send(batch, 0, 1);
    expect(modes).toEqual([IP_PMTUDISC_PROBE, IP_PMTUDISC_DONT]);
    expect(received(b).map((each) => each.data)).toEqual([data, data]);
    scratch.release();
  });

  it('loses nothing because of an ICMP error about another datagram, and takes it for nothing that was too big (RFC 7296 §2.4)', () => {
    if (!calls) throw new Error('there are no system calls');
    const a = make({ reportsTooBig: true });
    const b = make();
    const gone = make();
    const toNobody = outgoing([
      { data: Uint8Array.of(9), local: a.endpoint, remote: gone.endpoint },
    ]);
    gone.close();
    const data = numbered(3, () => 100);
    const toB = outgoing(
      data.map((each) => ({ data: each, local: a.endpoint, remote: b.endpoint })),
    );
    for (let round = 0; round < 3; round += 1) {
      a.send(toNobody, 0, 1);
      expect(a.send(toB, 0, 3)).toBe(3);
      expect(received(b).map((each) => each.data)).toEqual(data);
    }
    expect(a.counters.refused).toBe(0);
    const table = calls.mapMemory(8);
    const { words32, words16, address: entry } = rawMemory(table);
    const isBroken = (): boolean => {
      words32[0] = a.fd;
      words32[1] = 0;
      calls.poll(entry, 1, 0);
      return ((words16[3] ?? 0) & POLLERR) !== 0;
    };
    expect(isBroken()).toBe(true);
    expect(a.takeTooBig()).toEqual([]);
    expect(isBroken()).toBe(false);
    table.release();
  });

  it('shares a port with sockets of other workers when asked to, and else names the conflict', () => {
    const a = make({ sharesPort: true });
    expect(make({ bind: a.endpoint, sharesPort: true }).endpoint).toEqual(a.endpoint);
    if (!calls) throw new Error('there are no system calls');
    expect(openBatchSocket(calls, { bind: a.endpoint })).toMatchObject({
      ok: false,
      error: { code: 'EADDRINUSE', message: expect.stringContaining('is in use') },
    });
  });

  it('sends and receives nothing after close', () => {
    const a = make();
    const batch = outgoing([{ data: Uint8Array.of(1), local: a.endpoint, remote: a.endpoint }]);
    a.close();
    a.close();
    expect(a.send(batch, 0, 1)).toBe(1);
    expect(a.counters).toMatchObject({ sent: 0, refused: 1 });
    expect(received(a)).toEqual([]);
  });

  it('is fast falling back: a kernel without offloads still carries everything', () => {
    if (!calls) throw new Error('there are no system calls');
    const old: SystemCalls = {
      ...calls,
      setsockopt: (fd, level, option, value, bytes) =>
        level === 17 ? -92 : calls.setsockopt(fd, level, option, value, bytes),
    };
    const a = make({}, old);
    const b = make({}, old);
    expect(a.offloads).toEqual({ segment: false, coalesce: false });
    const data = numbered(30, () => 700);
    const batch = outgoing(
      data.map((each) => ({ data: each, local: a.endpoint, remote: b.endpoint })),
    );
    a.send(batch, 0, 30);
    expect(received(b).map((each) => each.data)).toEqual(data);
  });
});
