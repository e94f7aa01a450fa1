import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Segmenter, type SummedMemory, summedMemory } from '../../src/index.ts';
import {
  type PlainPacket,
  plainPacket,
  plainSegments,
  transportOffsetOf,
  writePlain,
} from './plain-packets.ts';

const SLOT = 2048;
const LARGE_AT = 64 * SLOT;

/** A memory with slots for segments, and a large packet behind them. */
function lay(
  large: PlainPacket,
  gap = 0,
): { memory: SummedMemory; offset: number; length: number } {
  const frame = writePlain(large, true);
  const memory = summedMemory(new Uint8Array(LARGE_AT + gap + frame.length + 1024));
  memory.bytes.set(frame, LARGE_AT + gap);
  return { memory, offset: LARGE_AT + gap, length: frame.length };
}

function begin(
  segmenter: Segmenter,
  large: PlainPacket,
  segmentBytes: number,
  place: ReturnType<typeof lay>,
): boolean {
  const { memory, offset, length } = place;
  const { protocol } = large;
  return segmenter.begin(memory, {
    offset,
    length,
    transportOffset: transportOffsetOf(large),
    segmentBytes,
    protocol,
  });
}

const input = fc.record({
  large: plainPacket({ min: 1, max: 4000 }),
  segmentBytes: fc.integer({ min: 40, max: 1480 }),
});

describe('Segmenter', () => {
  const segmenter = new Segmenter();

  it('makes the packets that a plain writer makes (RFC 9293 §3.1, RFC 768, RFC 791 §3.1)', () => {
    fc.assert(
      fc.property(input, ({ large, segmentBytes }) => {
        const place = lay(large);
        expect(begin(segmenter, large, segmentBytes, place)).toBe(true);
        const expected = plainSegments(large, segmentBytes).map((each) => writePlain(each));
        for (const [i, packet] of expected.entries()) {
          const at = (i % 64) * SLOT;
          const length = segmenter.next(place.memory, at);
          expect(place.memory.bytes.subarray(at, at + length)).toEqual(packet);
        }
        expect(segmenter.pendingBytes).toBe(0);
        expect(segmenter.next(place.memory, 0)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('makes the first segment where the packet lies, and the others after the rest has moved', () => {
    fc.assert(
      fc.property(input, ({ large, segmentBytes }) => {
        const place = lay(large);
        const { memory, offset, length } = place;
        begin(segmenter, large, segmentBytes, place);
        const [first, ...rest] = plainSegments(large, segmentBytes).map((each) => writePlain(each));
        const firstLength = segmenter.next(memory, offset);
        expect(memory.bytes.subarray(offset, offset + firstLength)).toEqual(first);
        const moved = offset + 511;
        memory.bytes.copyWithin(moved, offset + firstLength, offset + length);
        segmenter.movePayload(moved);
        for (const [i, packet] of rest.entries()) {
          const at = (i % 64) * SLOT;
          const taken = segmenter.next(memory, at);
          expect(memory.bytes.subarray(at, at + taken)).toEqual(packet);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('says FIN and PSH in the last segment alone, and CWR in the first (RFC 3168 §6.1.2)', () => {
    const large: PlainPacket = {
      protocol: 'tcp',
      version: 4,
      host: 1,
      port: 1,
      trafficClass: 0,
      hopLimit: 64,
      identification: 65535,
      dontFragment: true,
      extension: 0,
      sequence: 0xffffff00,
      acknowledgement: 1,
      window: 1,
      flags: 0xff,
      options: [],
      payload: new Uint8Array(300),
    };
    const place = lay(large);
    begin(segmenter, large, 100, place);
    const said = [0, 1, 2].map((i) => {
      segmenter.next(place.memory, i * SLOT);
      const { bytes } = place.memory;
      return {
        flags: bytes[i * SLOT + 33],
        identification: [bytes[i * SLOT + 4], bytes[i * SLOT + 5]],
      };
    });
    expect(said).toEqual([
      { flags: 0xf6, identification: [0xff, 0xff] },
      { flags: 0x76, identification: [0, 0] },
      { flags: 0x7f, identification: [0, 1] },
    ]);
  });

  it('refuses what it cannot segment, and has then nothing to give', () => {
    const place = lay({
      protocol: 'tcp',
      version: 4,
      host: 1,
      port: 1,
      trafficClass: 0,
      hopLimit: 64,
      identification: 1,
      dontFragment: true,
      extension: 0,
      sequence: 1,
      acknowledgement: 1,
      window: 1,
      flags: 16,
      options: [],
      payload: new Uint8Array(300),
    });
    const { memory, offset, length } = place;
    const good = {
      offset,
      length,
      transportOffset: 20,
      segmentBytes: 100,
      protocol: 'tcp',
    } as const;
    for (const bad of [
      { ...good, segmentBytes: 0 },
      { ...good, transportOffset: 24 },
      { ...good, transportOffset: 16 },
      { ...good, length: 40 },
      { ...good, length: memory.bytes.length },
      { ...good, offset: 0 },
    ]) {
      expect(segmenter.begin(memory, bad)).toBe(false);
      expect(segmenter.next(memory, 0)).toBe(0);
    }
  });

  it('never throws and never writes elsewhere, whatever lies there', () => {
    const anything = fc.record({
      frame: fc.uint8Array({ minLength: 1, maxLength: 400 }),
      transportOffset: fc.nat(200),
      segmentBytes: fc.nat(500),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    });
    fc.assert(
      fc.property(anything, ({ frame, transportOffset, segmentBytes, protocol }) => {
        frame[0] = ((frame[0] ?? 0) & 0x0f) | (segmentBytes % 2 === 0 ? 0x40 : 0x60);
        const memory = summedMemory(new Uint8Array(4096));
        memory.bytes.set(frame, 2048);
        const packet = {
          offset: 2048,
          length: frame.length,
          transportOffset,
          segmentBytes,
          protocol,
        };
        if (!segmenter.begin(memory, packet)) return;
        for (let i = 0; i < 500 && segmenter.next(memory, 1024) > 0; i += 1);
        expect(segmenter.pendingBytes).toBe(0);
        expect(memory.bytes.subarray(0, 1024)).toEqual(new Uint8Array(1024));
        expect(memory.bytes.subarray(2048, 2048 + frame.length)).toEqual(frame);
      }),
    );
  });
});
