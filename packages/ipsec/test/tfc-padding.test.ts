import { createInboundSa, openPacket } from '@ipsec-kit/esp';
import { parseAddress } from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tfcPaddedLength } from '../src/tfc-padding.ts';
import {
  batch,
  clientPair,
  drops,
  engine,
  gcm,
  open,
  packets,
  provider,
  seal,
  tunnel,
  udp,
} from './engine-fixture.ts';

const inner = (bytes: number): Uint8Array => udp('10.0.0.5:1', '10.1.2.3:1', bytes - 28);

/** The whole text of an ESP packet, as another implementation sees it. */
function textOf(esp: Uint8Array): Uint8Array {
  const { outbound } = clientPair();
  const cipher = provider.createCipher(gcm, {
    encryption: outbound.encryptionKey,
    integrity: outbound.integrityKey,
  });
  const text = openPacket(
    createInboundSa({ spi: outbound.spi, cipher, replayWindowPackets: 64 }),
    esp,
  );
  if (typeof text === 'string') throw new Error(text);
  return text;
}

describe('traffic flow confidentiality (RFC 4303 §2.7)', () => {
  it('gives packets of all lengths one length, and takes it off again', () => {
    const { client, server } = tunnel({ more: { tfcPadding: { minimumBytes: 1400 } } });
    const sent = [28, 40, 500, 1400].map(inner);
    const esp = packets(seal(client, sent).esp);
    expect(new Set(esp.map(({ length }) => length)).size).toBe(1);
    expect(open(server, esp)).toEqual(sent);
    expect(client.counters().outBytes).toBe(28 + 40 + 500 + 1400);
    expect(server.counters().inBytes).toBe(28 + 40 + 500 + 1400);
  });

  it('pads to a multiple', () => {
    const { client, server } = tunnel({ more: { tfcPadding: { multipleBytes: 256 } } });
    const sent = [28, 256, 257].map(inner);
    const esp = packets(seal(client, sent).esp);
    expect(esp.map((packet) => textOf(packet).length)).toEqual([256, 256, 512]);
    expect(open(server, esp)).toEqual(sent);
  });

  it('sends nothing of what lay in the memory before', () => {
    const { client } = tunnel({ more: { tfcPadding: { minimumBytes: 300 } } });
    const dirty = batch();
    dirty.memory.fill(0xaa);
    const packet = inner(100);
    dirty.memory.set(packet, dirty.headroom);
    dirty.offsets[0] = dirty.headroom;
    dirty.lengths[0] = packet.length;
    dirty.count = 1;
    client.outbound(dirty, batch());
    const text = textOf(packets(dirty)[0] ?? packet);
    expect(text.subarray(0, 100)).toEqual(packet);
    expect(text.subarray(100)).toEqual(new Uint8Array(200));
  });

  it('never makes a packet too big for the tunnel', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 65535 }),
        fc.integer({ min: 1, max: 65535 }),
        fc.integer({ min: 20, max: 2000 }),
        fc.integer({ min: 68, max: 1500 }),
        (minimumBytes, multipleBytes, length, innerMtu) => {
          const padded = tfcPaddedLength({ minimumBytes, multipleBytes }, length, innerMtu);
          expect(padded).toBeGreaterThanOrEqual(length);
          expect(padded).toBeLessThanOrEqual(Math.max(innerMtu, length));
          if (padded < innerMtu) expect(padded % multipleBytes).toBe(0);
          if (padded < innerMtu && length <= innerMtu) {
            expect(padded).toBeGreaterThanOrEqual(minimumBytes);
          }
        },
      ),
    );
  });

  it('is dropped, and not sent unpadded, where a slot has no room for it', () => {
    const { client } = tunnel({ innerMtu: 2040, more: { tfcPadding: { minimumBytes: 2040 } } });
    expect(seal(client, [inner(100)]).esp.count).toBe(0);
    expect(drops(client)).toEqual({ 'no-room': 1 });
  });

  it('is refused in transport mode, where TCP and ICMP do not say how long they are', () => {
    const host = parseAddress('192.0.2.1');
    if (!host) throw new Error('no address');
    const selector = { protocol: 0, startPort: 0, endPort: 65535, start: host, end: host };
    const pair = {
      ...clientPair(),
      mode: 'transport' as const,
      localSelectors: [selector],
      remoteSelectors: [selector],
      transportAddresses: { local: host, remote: host },
    };
    expect(() => engine().install({ ...pair, tfcPadding: { minimumBytes: 9 } })).toThrow(
      /"tfcPadding" expected none in transport mode/,
    );
  });

  it.each([{ minimumBytes: -1 }, { minimumBytes: 65536 }, { multipleBytes: 0 }])(
    'refuses %j',
    (tfcPadding) => {
      expect(() => tunnel({ more: { tfcPadding } })).toThrow(/"tfcPadding\..*Bytes" expected/);
    },
  );
});

describe('a pair with extended sequence numbers (RFC 4303 §2.2.1)', () => {
  it('carries packets between two engines that both have them', () => {
    const { client, server } = tunnel({ more: { esn: true } });
    expect(open(server, packets(seal(client, [inner(60)]).esp))).toEqual([inner(60)]);
  });

  it('carries none to an engine that does not', () => {
    const { client } = tunnel({ more: { esn: true } });
    const { server } = tunnel();
    expect(open(server, packets(seal(client, [inner(60)]).esp))).toEqual([]);
    expect(drops(server)).toEqual({ 'bad-icv': 1 });
  });
});
