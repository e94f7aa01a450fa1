import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Coalescer,
  createPacketBatch,
  type PacketBatch,
  type PacketGroup,
  Segmenter,
  summedMemory,
} from '../../src/index.ts';
import { type PlainPacket, plainPacket, plainSegments, writePlain } from './plain-packets.ts';

const CAPACITY = 128;

function batchOf(packets: readonly Uint8Array[]): PacketBatch {
  const batch = createPacketBatch({ capacity: CAPACITY, slotBytes: 2048, headroom: 64 });
  packets.forEach((packet, i) => {
    batch.memory.set(packet, i * 2048 + 64);
    batch.offsets[i] = i * 2048 + 64;
    batch.lengths[i] = packet.length;
  });
  batch.count = packets.length;
  return batch;
}

/** What is written for a group: the first packet, then the payloads of the others. */
function frameOf(batch: PacketBatch, coalescer: Coalescer, group: PacketGroup): Uint8Array {
  const pieces: number[] = [];
  for (let i = 0; i < group.count; i += 1) {
    const packet = coalescer.packets[group.start + i] ?? -1;
    const offset = batch.offsets[packet] ?? 0;
    const skipped = i === 0 ? 0 : group.headerBytes;
    pieces.push(...batch.memory.subarray(offset + skipped, offset + (batch.lengths[packet] ?? 0)));
  }
  return Uint8Array.from(pieces);
}

/** What the host makes of it. */
function received(frame: Uint8Array, group: PacketGroup): Uint8Array[] {
  if (group.kind === 'plain') return [frame];
  const memory = summedMemory(new Uint8Array(frame.length + 4096));
  memory.bytes.set(frame, 4096);
  const segmenter = new Segmenter();
  const { transportOffset, segmentBytes, kind: protocol } = group;
  if (
    !segmenter.begin(memory, {
      offset: 4096,
      length: frame.length,
      transportOffset,
      segmentBytes,
      protocol,
    })
  ) {
    throw new Error('a merged packet cannot be segmented');
  }
  const packets: Uint8Array[] = [];
  for (let length = segmenter.next(memory, 0); length > 0; length = segmenter.next(memory, 0)) {
    packets.push(memory.bytes.slice(0, length));
  }
  return packets;
}

function deliver(
  packets: readonly Uint8Array[],
  mergesUdp = true,
): { came: Uint8Array[]; groups: PacketGroup[] } {
  const batch = batchOf(packets);
  const coalescer = new Coalescer({ capacity: CAPACITY, mergesUdp });
  coalescer.plan(batch, summedMemory(batch.memory));
  const groups = coalescer.groups.slice(0, coalescer.groupCount).map((group) => ({ ...group }));
  return {
    groups,
    came: groups.flatMap((group) => received(frameOf(batch, coalescer, group), group)),
  };
}

/** The identification of an IPv4 packet with DF means nothing (RFC 6864 §4.1), nor does its part of the checksum. */
function comparable(packet: Uint8Array): string {
  const copy = packet.slice();
  if ((copy[0] ?? 0) >> 4 === 4 && ((copy[6] ?? 0) & 0x40) !== 0) {
    const sum = ((copy[10] ?? 0) << 8) + (copy[11] ?? 0) + ((copy[4] ?? 0) << 8) + (copy[5] ?? 0);
    const folded = (sum % 65535).toString();
    copy.fill(0, 4, 6);
    copy.fill(0, 10, 12);
    return `${Buffer.from(copy).toString('hex')} ${folded}`;
  }
  return Buffer.from(copy).toString('hex');
}

function flowOf(packet: Uint8Array): string {
  const isIpv4 = (packet[0] ?? 0) >> 4 === 4;
  const transport = isIpv4 ? ((packet[0] ?? 0) & 15) * 4 : 40;
  return Buffer.from([
    ...packet.subarray(isIpv4 ? 12 : 8, isIpv4 ? 20 : 40),
    ...packet.subarray(transport, transport + 4),
  ]).toString('hex');
}

function byFlow(packets: readonly Uint8Array[]): Map<string, string[]> {
  const flows = new Map<string, string[]>();
  for (const packet of packets) {
    const flow = flowOf(packet);
    flows.set(flow, [...(flows.get(flow) ?? []), comparable(packet)]);
  }
  return flows;
}

/** A train of segments of one flow. */
const train = fc
  .record({
    large: plainPacket({ min: 1, max: 9000 }),
    segmentBytes: fc.integer({ min: 100, max: 1400 }),
    flags: fc.constantFrom(0x10, 0x10, 0x18, 0x50, 0x11, 0x90, 0x02, 0x14, 0x30),
    extension: fc.constantFrom(0, 0, 0, 1),
  })
  .map(({ large, segmentBytes, flags, extension }) =>
    plainSegments({ ...large, flags, extension, options: large.options.slice(0, 3) }, segmentBytes),
  );

/** Something that happens to a packet on its way. */
const mishap = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom(
    'none',
    'bit',
    'swap',
    'drop',
    'repeat',
    'fragment',
    'no-checksum',
    'window',
    'ttl',
    'ports',
  ),
  bit: fc.nat(),
});

function mixed(
  trains: readonly PlainPacket[][],
  order: readonly number[],
  mishaps: readonly { at: number; kind: string; bit: number }[],
): Uint8Array[] {
  const queues = trains.map((packets) => packets.map((packet) => writePlain(packet)));
  const packets: Uint8Array[] = [];
  for (
    let i = 0;
    packets.length < CAPACITY - 8 && queues.some((queue) => queue.length > 0);
    i += 1
  ) {
    const queue = queues[(order[i % order.length] ?? 0) % queues.length]?.length
      ? queues[(order[i % order.length] ?? 0) % queues.length]
      : queues.find((each) => each.length > 0);
    const packet = queue?.shift();
    if (packet) packets.push(packet);
  }
  for (const { at, kind, bit } of mishaps) {
    const index = at % packets.length;
    const packet = packets[index];
    const before = packets[index - 1];
    if (!packet) continue;
    const transport = (packet[0] ?? 0) >> 4 === 4 ? 20 : 40;
    if (kind === 'bit')
      packet[bit % packet.length] = (packet[bit % packet.length] ?? 0) ^ (1 << (bit % 8));
    if (kind === 'swap' && before) packets.splice(index - 1, 2, packet, before);
    if (kind === 'drop') packets.splice(index, 1);
    if (kind === 'repeat') packets.splice(index, 0, packet.slice());
    if (kind === 'fragment') packet[6] = (packet[6] ?? 0) | 0x20;
    if (kind === 'no-checksum') packet.fill(0, transport + 6, transport + 8);
    if (kind === 'window') packet[transport + 15] = bit;
    if (kind === 'ttl') packet[8] = bit;
    if (kind === 'ports') packet[transport + 3] = bit % 4;
  }
  return packets;
}

describe('Coalescer', () => {
  it('delivers the very same packets, each flow in its order, whatever happened to them', () => {
    fc.assert(
      fc.property(
        fc.array(train, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 12 }),
        fc.array(mishap, { maxLength: 6 }),
        fc.boolean(),
        (trains, order, mishaps, mergesUdp) => {
          const packets = mixed(trains, order, mishaps);
          const { came } = deliver(packets, mergesUdp);
          expect(byFlow(came)).toEqual(byFlow(packets));
        },
      ),
      { numRuns: 400 },
    );
  });

  const steady: PlainPacket = {
    protocol: 'tcp',
    version: 4,
    host: 1,
    port: 1,
    trafficClass: 2,
    hopLimit: 64,
    identification: 7,
    dontFragment: true,
    extension: 0,
    sequence: 1,
    acknowledgement: 1,
    window: 1,
    flags: 0x10,
    options: [0x0101080a, 5, 6],
    payload: new Uint8Array(20 * 1348 + 500).map((_, i) => i * 31),
  };
  const cases: [string, PlainPacket, number][] = [
    ['TCP over IPv4', steady, 1348],
    ['TCP over IPv6', { ...steady, version: 6 }, 1328],
    ['UDP over IPv4', { ...steady, protocol: 'udp', dontFragment: false }, 1372],
    ['UDP over IPv6', { ...steady, protocol: 'udp', version: 6 }, 1352],
  ];

  it.each(cases)('merges a train of %s into one', (_, large, segmentBytes) => {
    const packets = plainSegments(large, segmentBytes).map((each) => writePlain(each));
    const { groups, came } = deliver(packets);
    expect(groups).toMatchObject([{ count: packets.length, segmentBytes, kind: large.protocol }]);
    expect(came).toEqual(packets);
  });

  it('merges two flows that alternate into one piece each', () => {
    const a = plainSegments(steady, 1348);
    const b = plainSegments({ ...steady, port: 2 }, 1348);
    const packets = a.flatMap((each, i) => [writePlain(each), writePlain(b[i] ?? each)]);
    expect(deliver(packets).groups.map((group) => group.count)).toEqual([21, 21]);
  });

  it('never says more than 65535 bytes, nor more than 64 datagrams', () => {
    const long = plainSegments({ ...steady, payload: new Uint8Array(100 * 1348) }, 1348);
    expect(
      deliver(long.map((each) => writePlain(each))).groups.map((group) => group.count),
    ).toEqual([48, 48, 4]);
    const many = plainSegments(
      { ...steady, protocol: 'udp', payload: new Uint8Array(100 * 50) },
      50,
    );
    expect(
      deliver(many.map((each) => writePlain(each))).groups.map((group) => group.count),
    ).toEqual([64, 36]);
  });

  it.each<[string, Partial<PlainPacket>]>([
    ['another window', { window: 2 }],
    ['another acknowledgement', { acknowledgement: 2 }],
    ['another timestamp', { options: [0x0101080a, 6, 6] }],
    ['another traffic class', { trafficClass: 3 }],
    ['another hop limit', { hopLimit: 63 }],
    ['no DF', { dontFragment: false }],
    ['FIN', { flags: 0x11 }],
    ['a gap', { sequence: 5000 }],
    ['no data', { payload: new Uint8Array(0) }],
  ])('does not merge a packet with %s', (_, difference) => {
    const [first, second] = plainSegments({ ...steady, payload: new Uint8Array(2696) }, 1348);
    if (!first || !second) throw new Error('there are two segments');
    const { groups } = deliver([writePlain(first), writePlain({ ...second, ...difference })]);
    expect(groups.map((group) => group.count)).toEqual([1, 1]);
  });

  it('stops behind PSH and behind a short packet', () => {
    const packets = plainSegments(steady, 1348);
    const pushed = packets.map((each, i) => writePlain(i === 4 ? { ...each, flags: 0x18 } : each));
    expect(deliver(pushed).groups.map((group) => group.count)).toEqual([5, 16]);
  });

  it('leaves UDP alone where the host does not take it in one piece', () => {
    const packets = plainSegments({ ...steady, protocol: 'udp' }, 1348).map((each) =>
      writePlain(each),
    );
    expect(deliver(packets, false).groups).toHaveLength(packets.length);
  });

  it('never throws on bytes of any kind', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 }), (packets) => {
        for (const packet of packets)
          if (packet.length > 0) packet[0] = (packet[0] ?? 0) % 2 === 0 ? 0x45 : 0x60;
        const copies = packets.map((packet) => packet.slice());
        expect(deliver(packets).came).toEqual(copies);
      }),
    );
  });
});
