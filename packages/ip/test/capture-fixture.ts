import { buildUdpPacket, parseEndpoint } from '@ipsec-kit/ip';
import { encodeEnhancedPacket, encodeInterface, encodeSectionHeader } from '@ipsec-kit/ip/pcapng';

export function udpPacket(from: string, to: string, data: Uint8Array): Uint8Array {
  const ends = { local: parseEndpoint(from), remote: parseEndpoint(to) };
  if (!ends.local || !ends.remote) throw new Error(`not endpoints: ${from}, ${to}`);
  return buildUdpPacket({ local: ends.local, remote: ends.remote }, data);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A fixed file of three packets, which was compared with what tshark 4.0 prints (see the test that uses it). */
export function goldenCapture(): Uint8Array {
  const at = 1_700_000_000_123_456_789n;
  return concat([
    encodeSectionHeader('ipsec-kit \u00fc\u{1f511}'),
    encodeInterface({ name: 'ike' }),
    encodeEnhancedPacket({
      timestampNs: at,
      data: udpPacket('192.0.2.1:500', '198.51.100.1:500', Uint8Array.of(1, 2, 3)),
      direction: 'outbound',
      comment: 'first',
    }),
    encodeInterface({ linkType: 101 }),
    encodeEnhancedPacket({
      timestampNs: at + 1n,
      data: udpPacket('[2001:db8::1]:4500', '[2001:db8::2]:4500', Uint8Array.of(0xff)),
      direction: 'inbound',
      interfaceId: 1,
    }),
    encodeEnhancedPacket({
      timestampNs: at + 1_000_000_000n,
      data: udpPacket('192.0.2.1:4500', '198.51.100.1:4500', new Uint8Array(0)),
    }),
  ]);
}
