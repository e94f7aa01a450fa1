import { Encr, Integ } from '@ipsec-kit/crypto';
import {
  internetChecksum,
  PACKET_TOO_BIG_BYTES,
  readUint16,
  readUint32,
  writeIpv4HeaderChecksum,
  writeUint16,
} from '@ipsec-kit/ip';
import { innerMtuOfPath } from '@ipsec-kit/ipsec';
import { describe, expect, it } from 'vitest';
import { drops, gcm, open, packets, provider, seal, tunnel, udp } from './engine-fixture.ts';

/** A UDP packet that may be fragmented. */
function withoutDf(bytes: number): Uint8Array {
  const packet = udp('10.0.0.5:1000', '10.1.2.3:80', bytes);
  writeUint16(packet, 4, 0x1234);
  writeUint16(packet, 6, 0);
  writeIpv4HeaderChecksum(packet, 0, 20);
  return packet;
}

/** A TCP SYN with an MSS of 1460; its TCP checksum is left at 0. */
function syn(from: string, to: string): Uint8Array {
  const packet = udp(from, to, 16);
  packet[9] = 6;
  writeIpv4HeaderChecksum(packet, 0, 20);
  packet.set([0x60, 0x02], 32);
  packet.set([2, 4, 1460 >> 8, 1460 & 0xff], 40);
  return packet;
}

describe('a packet that is too big for the tunnel', () => {
  it('is answered with fragmentation needed from its destination (RFC 1191 §4)', () => {
    const { client } = tunnel({ innerMtu: 1300 });
    const big = udp('10.0.0.5:1', '10.1.2.3:1', 1400);
    const { esp, toTun } = seal(client, [big, udp('10.0.0.5:1', '10.1.2.3:1', 10)]);
    expect([esp.count, drops(client)]).toEqual([1, { 'too-big': 1 }]);
    const [error] = toTun;
    if (!error) throw new Error('no error');
    expect([error[20], error[21], readUint16(error, 26)]).toEqual([3, 4, 1300]);
    expect([...error.subarray(12, 20)]).toEqual([10, 1, 2, 3, 10, 0, 0, 5]);
    expect(error.subarray(28)).toEqual(big.subarray(0, error.length - 28));
  });

  it('is answered with packet too big when it is IPv6 (RFC 4443 §3.2)', () => {
    const { client } = tunnel({ innerMtu: 1300 });
    const big = udp('[2001:db8:a::1]:1', '[2001:db8:b::1]:1', 1400);
    const { esp, toTun } = seal(client, [big]);
    expect([esp.count, toTun.length, toTun[0]?.length]).toEqual([0, 1, PACKET_TOO_BIG_BYTES]);
    expect([toTun[0]?.[40], readUint32(toTun[0] ?? big, 44)]).toEqual([2, 1300]);
  });

  it('goes as it is when IPv6 has to carry it anyway (RFC 8200 §5)', () => {
    const { client } = tunnel({ innerMtu: 1000 });
    const least = udp('[2001:db8:a::1]:1', '[2001:db8:b::1]:1', 1280 - 48);
    const more = udp('[2001:db8:a::1]:1', '[2001:db8:b::1]:1', 1281 - 48);
    const { esp, toTun } = seal(client, [least, more]);
    expect([esp.count, toTun.length, readUint32(toTun[0] ?? least, 44)]).toEqual([1, 1, 1280]);
  });

  it('is fragmented before it is sealed when it may be (RFC 791 §3.2)', () => {
    const { client, server } = tunnel({ innerMtu: 600 });
    const whole = withoutDf(1400);
    const { esp, toTun } = seal(client, [whole, withoutDf(10)]);
    expect(toTun).toEqual([]);
    const fragments = open(server, packets(esp));
    expect(fragments.map((f) => f.length <= 600)).toEqual([true, true, true, true]);
    const data = new Uint8Array(whole.length - 20);
    for (const fragment of fragments.filter((f) => f.length > 40)) {
      expect(internetChecksum(fragment, 0, 20)).toBe(0);
      data.set(fragment.subarray(20), (readUint16(fragment, 6) & 0x1fff) * 8);
    }
    expect(data).toEqual(whole.subarray(20));
  });

  it('is dropped and counted when the batch has no room for its fragments', () => {
    const { client } = tunnel({ innerMtu: 600 });
    expect(seal(client, [withoutDf(1400)], 2).esp.count).toBe(0);
    expect(drops(client)).toEqual({ 'no-room': 1 });
  });

  it('goes whole when later fragments would match no selector (RFC 4301 §7)', () => {
    const { client, server } = tunnel({ innerMtu: 600, remote: ['10.1.0.0/16[udp/80]'] });
    const whole = withoutDf(1400);
    expect(open(server, packets(seal(client, [whole]).esp))).toEqual([whole]);
  });

  it('causes no more than a few errors per batch (RFC 4443 §2.4)', () => {
    const { client } = tunnel({ innerMtu: 1300 });
    const many = Array.from({ length: 40 }, () => udp('10.0.0.5:1', '10.1.2.3:1', 1400));
    expect(seal(client, many, 64).toTun.length).toBe(16);
    expect(drops(client)).toEqual({ 'too-big': 40 });
  });

  it('never is an error about an error', () => {
    const { client } = tunnel({ innerMtu: 1300 });
    const error = udp('10.0.0.5:1', '10.1.2.3:1', 1400);
    error[9] = 1;
    error[20] = 3;
    writeIpv4HeaderChecksum(error, 0, 20);
    expect(seal(client, [error]).toTun).toEqual([]);
  });
});

describe('the MSS of TCP', () => {
  it('is clamped in both directions', () => {
    const { client, server } = tunnel({ innerMtu: 1300 });
    const sealed = packets(seal(client, [syn('10.0.0.5:1', '10.1.2.3:80')]).esp);
    const [opened] = open(server, sealed);
    expect(opened && readUint16(opened, 42)).toBe(1260);
    // The other side has a larger tunnel, so that this side must clamp what comes in.
    const wide = tunnel({ innerMtu: 1400 });
    const [answer] = open(
      client,
      packets(seal(wide.server, [syn('10.1.2.3:80', '10.0.0.5:1')]).esp),
    );
    expect(answer && readUint16(answer, 42)).toBe(1260);
  });
});

describe('innerMtuOfPath', () => {
  it.each([4, 6] as const)('fills an IPv%d path and no more', (version) => {
    const shape = provider.cipherShape(gcm);
    if (!shape) throw new Error('not provided');
    const inner = innerMtuOfPath(shape, 1500, version);
    // IP, UDP, ESP header, IV, pad length, next header and ICV; up to 3 bytes are lost to alignment.
    const fixed = (version === 4 ? 20 : 40) + 8 + 8 + 8 + 2 + 16;
    expect(inner).toBeLessThanOrEqual(1500 - fixed);
    expect(inner).toBeGreaterThan(1500 - fixed - 4);
    expect(innerMtuOfPath(shape, 60, version)).toBe(0);
  });

  it.each([4, 6] as const)(
    'is larger by the header that transport mode does not carry, over IPv%d',
    (version) => {
      const shape = provider.cipherShape(gcm);
      if (!shape) throw new Error('not provided');
      const tunnelMode = innerMtuOfPath(shape, 1500, version);
      const headerBytes = version === 4 ? 20 : 40;
      expect(innerMtuOfPath(shape, 1500, version, 'transport')).toBe(tunnelMode + headerBytes);
      expect(innerMtuOfPath(shape, 60, version, 'transport')).toBe(0);
    },
  );

  it.each([
    ['AES-GCM', { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE }],
    ['ChaCha20', { encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 256, integrity: Integ.NONE }],
    [
      'AES-CBC with SHA-512',
      {
        encryption: Encr.ENCR_AES_CBC,
        keyBits: 256,
        integrity: Integ.AUTH_HMAC_SHA2_512_256,
      },
    ],
  ])('is the largest size that fits with %s: a byte more would not (RFC 4303 §2.4)', (_, suite) => {
    const shape = provider.cipherShape(suite);
    if (!shape) throw new Error('not provided');
    const outerBytes = (inner: number): number => {
      const alignment = Math.max(4, shape.blockBytes);
      const padded = Math.ceil((inner + 2) / alignment) * alignment;
      return 20 + 8 + 8 + shape.ivBytes + padded + shape.icvBytes;
    };
    const mtu = innerMtuOfPath(shape, 1500, 4);
    expect(outerBytes(mtu)).toBeLessThanOrEqual(1500);
    expect(outerBytes(mtu + 1)).toBeGreaterThan(1500);
  });

  it('is what the engine makes of it', () => {
    const shape = provider.cipherShape(gcm);
    if (!shape) throw new Error('not provided');
    const innerMtu = innerMtuOfPath(shape, 1500, 4);
    const { client } = tunnel({ innerMtu });
    const { esp } = seal(client, [udp('10.0.0.5:1', '10.1.2.3:1', innerMtu - 28)]);
    expect(esp.lengths[0]).toBeLessThanOrEqual(1500 - 28);
  });
});
