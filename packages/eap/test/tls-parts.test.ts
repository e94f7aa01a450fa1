import { EapType, tlsExport } from '@ipsec-kit/eap';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAvps, encodeAvps } from '../src/tls/diameter-avp.ts';
import { createTlsFraming, MAX_TLS_MESSAGE_BYTES } from '../src/tls/tls-framing.ts';
import { padPassword, unpadPassword } from '../src/tls/ttls-avp.ts';
import { hex, text } from './conversation.ts';

const avp = fc.record({
  code: fc.integer({ min: 0, max: 0xffffffff }),
  vendor: fc.integer({ min: 0, max: 0xffffffff }),
  isMandatory: fc.boolean(),
  value: fc.uint8Array({ maxLength: 300 }),
});

describe('AVPs (RFC 5281 §10.1)', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(fc.array(avp, { maxLength: 20 }), (avps) => {
        const bytes = encodeAvps(avps);
        expect(bytes.length % 4).toBe(0);
        expect(decodeAvps(bytes)).toEqual(avps);
      }),
    );
  });

  it('are laid out with flags, three bytes of length, vendor and padding', () => {
    const user = { code: 1, vendor: 0, isMandatory: true, value: text('bob') };
    const error = { code: 2, vendor: 311, isMandatory: false, value: text('E=691') };
    expect(encodeAvps([user, error])).toEqual(
      hex('00000001 4000000b 626f6200  00000002 80000011 00000137 453d363931000000'),
    );
  });

  it('are refused when cut off, too short or too many, and never throw', () => {
    expect(decodeAvps(hex('00000001 40000007'))).toBeUndefined();
    expect(decodeAvps(hex('00000001 c000000b 00000137'))).toBeUndefined();
    expect(decodeAvps(hex('00000001 40000009'))).toBeUndefined();
    expect(decodeAvps(new Uint8Array(8 * 65).map((_, i) => (i % 8 === 7 ? 8 : 0)))).toBeUndefined();
    expect(decodeAvps(hex('00000001 40000009 61'))).toHaveLength(1);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        for (const { value } of decodeAvps(bytes) ?? []) {
          expect(value.length).toBeLessThanOrEqual(bytes.length);
        }
      }),
    );
  });

  it('passwords are padded to blocks, so that their length does not show (RFC 5281 §11.2.5)', () => {
    expect(padPassword(text('')).length).toBe(16);
    expect(padPassword(text('0123456789abcdef')).length).toBe(16);
    expect(padPassword(text('0123456789abcdefg')).length).toBe(32);
    expect(unpadPassword(padPassword(text('Ar3etTnp')))).toEqual(text('Ar3etTnp'));
  });
});

describe('fragments (RFC 5216 §2.1.5, §3.1)', () => {
  it('are put together again, whatever their size, and acknowledged one by one', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 5_000 }),
        fc.integer({ min: 64, max: 2_000 }),
        (message, size) => {
          const from = createTlsFraming(size);
          const to = createTlsFraming(64);
          let data = from.send(message);
          for (let packets = 1; ; packets += 1) {
            expect(data.length).toBeLessThanOrEqual(size + 5);
            const frame = to.receive(data);
            if (frame.kind === 'message') {
              expect(frame.records).toEqual(message);
              expect(packets).toBe(Math.ceil(message.length / size));
              break;
            }
            expect(frame).toEqual({ kind: 'fragment' });
            const next = from.receive(Uint8Array.of(0));
            if (next.kind !== 'next') throw new Error(next.kind);
            data = next.data;
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('never throw and keep a bounded number of bytes, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 20 }), (packets) => {
        const framing = createTlsFraming(64);
        for (const packet of packets) expect(framing.receive(packet).kind).toBeTypeOf('string');
      }),
    );
    const framing = createTlsFraming(64);
    const part = new Uint8Array(60_001).fill(1);
    part[0] = 0x40;
    expect(framing.receive(part)).toEqual({ kind: 'fragment' });
    expect(framing.receive(part.subarray(0, MAX_TLS_MESSAGE_BYTES - 60_000 + 2))).toEqual({
      kind: 'malformed',
    });
    expect(() => createTlsFraming(63)).toThrow('"fragmentBytes" expected 64 to 16384, got 63');
  });
});

describe('keys from TLS', () => {
  it('have the labels of their methods (RFC 5216 §2.3, RFC 9190 §2.3, RFC 5281 §8, §11.1, RFC 9427 §2.1, §2.4)', () => {
    const { TLS, TTLS } = EapType;
    expect(tlsExport('msk', TLS, 'TLSv1.2')).toEqual({
      label: 'client EAP encryption',
      bytes: 128,
    });
    expect(tlsExport('msk', TTLS, 'TLSv1.2')).toEqual({
      label: 'ttls keying material',
      bytes: 128,
    });
    expect(tlsExport('challenge', TTLS, 'TLSv1.2')).toEqual({ label: 'ttls challenge', bytes: 17 });
    expect(tlsExport('msk', TLS, 'TLSv1.3')).toEqual({
      label: 'EXPORTER_EAP_TLS_Key_Material',
      context: Uint8Array.of(13),
      bytes: 128,
    });
    expect(tlsExport('msk', TTLS, 'TLSv1.3')).toEqual({
      label: 'EXPORTER_EAP_TLS_Key_Material',
      context: Uint8Array.of(21),
      bytes: 128,
    });
    expect(tlsExport('challenge', TTLS, 'TLSv1.3')).toEqual({ label: 'ttls challenge', bytes: 17 });
  });
});
