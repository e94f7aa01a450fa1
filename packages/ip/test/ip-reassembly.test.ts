import {
  appendPacket,
  createPacketBatch,
  fragmentIpv4,
  packetAt,
  writeUint16,
} from '@ipsec-kit/ip';
import {
  encodeEnhancedPacket,
  encodeInterface,
  encodeSectionHeader,
  readCapture,
  udpPayloads,
} from '@ipsec-kit/ip/pcapng';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, udpPacket } from './capture-fixture.ts';

const payload = Uint8Array.from({ length: 1200 }, (_, i) => i);

/** The fragments of one UDP packet with this identification. */
function fragments(identification: number, mtu = 300): Uint8Array[] {
  const packet = udpPacket('10.0.0.1:500', '10.0.0.2:500', payload);
  writeUint16(packet, 4, identification);
  const batch = createPacketBatch({ capacity: 32, slotBytes: 2048, headroom: 0 });
  appendPacket(batch, packet);
  fragmentIpv4(batch, 0, mtu);
  return Array.from({ length: batch.count }, (_, i) => packetAt(batch, i).slice());
}

function datagrams(packets: readonly Uint8Array[]) {
  const blocks = packets.map((data) => encodeEnhancedPacket({ timestampNs: 0n, data }));
  const result = readCapture(concat([encodeSectionHeader(), encodeInterface(), ...blocks]));
  if (!result.ok) throw new Error(result.message);
  return [...udpPayloads(result.capture)];
}

describe('IP fragments in a capture (RFC 791 §3.2)', () => {
  it('become whole in any order, also when two datagrams are mixed', () => {
    const both = [...fragments(1), ...fragments(2)];
    fc.assert(
      fc.property(fc.shuffledSubarray(both, { minLength: both.length }), (mixed) => {
        const whole = datagrams(mixed);
        expect(whole.map(({ data }) => data)).toEqual([payload, payload]);
      }),
    );
  });

  it('are put together once when they were captured twice', () => {
    const [first, ...rest] = fragments(1);
    if (!first) throw new Error('no fragments');
    expect(datagrams([first, first, ...rest])).toHaveLength(1);
  });

  it('give nothing while one is missing', () => {
    const all = fragments(1);
    for (const missing of all.keys()) {
      expect(datagrams(all.filter((_, i) => i !== missing))).toEqual([]);
    }
  });

  it('hold back only so many datagrams', () => {
    const many = Array.from({ length: 65 }, (_, i) => fragments(i + 1));
    const [firsts, rests] = [many.map((f) => f.slice(0, 1)), many.map((f) => f.slice(1))];
    // The oldest gave way to the newest, whatever comes later.
    expect(datagrams([...firsts.flat(), ...rests.slice(1).flat()])).toHaveLength(64);
    expect(datagrams([...firsts.flat(), ...(rests[0] ?? [])])).toHaveLength(0);
  });
});
