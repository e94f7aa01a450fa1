import {
  appendPacket,
  buildUdpPacket,
  claimSlot,
  commitPacket,
  createPacketBatch,
  fragmentIpv4,
  internetChecksum,
  movePacketEntry,
  packetAt,
  packetsLieInside,
  parseEndpoint,
  readUint16,
  writeIpv4HeaderChecksum,
  writeUint16,
} from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const batchOf = (capacity: number, slotBytes = 1600) =>
  createPacketBatch({ capacity, slotBytes, headroom: 32 });

describe('a packet batch', () => {
  it('takes packets until it is full', () => {
    const batch = batchOf(2);
    expect([1, 2, 3].map((n) => appendPacket(batch, Uint8Array.of(n, n)))).toEqual([
      true,
      true,
      false,
    ]);
    expect([packetAt(batch, 0), packetAt(batch, 1)]).toEqual([
      Uint8Array.of(1, 1),
      Uint8Array.of(2, 2),
    ]);
    expect(batch.offsets[1]).toBe(1600 + 32);
    expect(() => packetAt(batch, 2)).toThrow(/"index" expected 0 to 1, got 2/);
  });

  it('refuses a packet that is larger than a slot', () => {
    expect(appendPacket(batchOf(2), new Uint8Array(1569))).toBe(false);
  });

  it('never hands out the slot of a packet that was kept', () => {
    const keep = fc.array(fc.boolean(), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(keep, (kept) => {
        const batch = batchOf(8, 64);
        for (let i = 0; i < 8; i += 1) appendPacket(batch, Uint8Array.of(i));
        let to = 0;
        for (let i = 0; i < 8; i += 1) {
          if (!kept[i]) continue;
          movePacketEntry(batch, i, to);
          to += 1;
        }
        batch.count = to;
        while (appendPacket(batch, Uint8Array.of(99)));
        expect(batch.count).toBe(8);
        const survivors = kept.flatMap((k, i) => (k ? [i] : []));
        const bytes = Array.from({ length: 8 }, (_, i) => packetAt(batch, i)[0]);
        expect(bytes).toEqual([...survivors, ...Array(8 - survivors.length).fill(99)]);
        expect(new Set(batch.offsets).size).toBe(8);
      }),
    );
  });

  it('notices a packet that does not lie inside of its memory', () => {
    const batch = batchOf(2, 64);
    appendPacket(batch, new Uint8Array(32));
    appendPacket(batch, new Uint8Array(32));
    expect(packetsLieInside(batch, 0, 2)).toBe(true);
    expect(packetsLieInside(batch, 0, 3)).toBe(false);
    batch.lengths[1] = 33;
    expect(packetsLieInside(batch, 0, 2)).toBe(false);
    expect(packetsLieInside(batch, 0, 1)).toBe(true);
    batch.offsets[0] = 0xffff_ffff;
    expect(packetsLieInside(batch, 0, 1)).toBe(false);
  });

  it('moves the path with the entry', () => {
    const batch = batchOf(2);
    appendPacket(batch, Uint8Array.of(1));
    appendPacket(batch, Uint8Array.of(2));
    batch.paths.fill(7, 36, 72);
    movePacketEntry(batch, 1, 0);
    expect(batch.paths.subarray(0, 36).every((byte) => byte === 7)).toBe(true);
    expect(packetAt(batch, 0)).toEqual(Uint8Array.of(2));
  });
});

describe('fragmentIpv4 (RFC 791 §3.2)', () => {
  const endpoint = (text: string) => {
    const parsed = parseEndpoint(text);
    if (!parsed) throw new Error(text);
    return parsed;
  };
  const path = { local: endpoint('10.0.0.1:1'), remote: endpoint('10.0.0.2:2') };

  function packetOf(bytes: number, options: readonly number[] = []): Uint8Array {
    const plain = buildUdpPacket(
      path,
      Uint8Array.from({ length: bytes }, (_, i) => i),
    );
    const packet = Uint8Array.of(...plain.subarray(0, 20), ...options, ...plain.subarray(20));
    packet[0] = 0x45 + options.length / 4;
    writeUint16(packet, 2, packet.length);
    writeUint16(packet, 6, 0);
    writeIpv4HeaderChecksum(packet, 0, 20 + options.length);
    return packet;
  }

  /** Puts fragments together again, and checks each on the way. */
  function reassemble(fragments: readonly Uint8Array[], mtu: number): Uint8Array {
    const data: number[] = [];
    for (const [i, fragment] of fragments.entries()) {
      const header = ((fragment[0] ?? 0) & 15) * 4;
      expect(fragment.length).toBeLessThanOrEqual(mtu);
      expect(readUint16(fragment, 2)).toBe(fragment.length);
      expect(internetChecksum(fragment, 0, header)).toBe(0);
      expect((readUint16(fragment, 6) & 0x1fff) * 8).toBe(data.length);
      expect((readUint16(fragment, 6) & 0x2000) !== 0).toBe(i < fragments.length - 1);
      data.push(...fragment.subarray(header));
    }
    return Uint8Array.from(data);
  }

  it('splits into pieces that make the packet again', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1400 }),
        fc.integer({ min: 68, max: 1500 }),
        (bytes, mtu) => {
          const batch = batchOf(40);
          const packet = packetOf(bytes);
          appendPacket(batch, packet);
          const pieces = fragmentIpv4(batch, 0, mtu);
          expect(pieces).toBe(batch.count);
          const fragments = Array.from({ length: pieces }, (_, i) => packetAt(batch, i));
          expect(reassemble(fragments, mtu)).toEqual(packet.subarray(20));
        },
      ),
    );
  });

  it('carries on only the options with the copied flag (RFC 791 §3.1)', () => {
    const copied = [0x94, 4, 0, 0];
    const batch = batchOf(8);
    const packet = packetOf(400, [1, 7, 3, 4, ...copied]);
    appendPacket(batch, packet);
    expect(fragmentIpv4(batch, 0, 300)).toBe(2);
    expect([...packetAt(batch, 1).subarray(0, 24)].slice(20)).toEqual(copied);
    const fragments = [packetAt(batch, 0), packetAt(batch, 1)];
    expect(reassemble(fragments, 300)).toEqual(packet.subarray(28));
  });

  it('splits a fragment further', () => {
    const batch = batchOf(8);
    const packet = packetOf(400);
    writeUint16(packet, 6, 0x2000 | 10);
    writeIpv4HeaderChecksum(packet, 0, 20);
    appendPacket(batch, packet);
    expect(fragmentIpv4(batch, 0, 300)).toBe(2);
    expect([0, 1].map((i) => readUint16(packetAt(batch, i), 6))).toEqual([
      0x2000 | 10,
      0x2000 | 45,
    ]);
  });

  it('leaves the batch alone when it has no room', () => {
    const batch = batchOf(3);
    for (let i = 0; i < 3; i += 1) appendPacket(batch, packetOf(1000));
    const before = batch.memory.slice();
    expect(fragmentIpv4(batch, 0, 500)).toBe(0);
    expect([batch.count, batch.memory]).toEqual([3, before]);
  });

  it('claims no slot beyond the capacity', () => {
    const batch = batchOf(1);
    commitPacket(batch, claimSlot(batch), 10);
    expect(claimSlot(batch)).toBe(-1);
  });
});
