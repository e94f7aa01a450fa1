import {
  classifyDatagram,
  NON_ESP_MARKER_BYTES,
  natKeepalive,
  prependMarker,
  writeMarker,
} from '@ipsec-kit/nat-t';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const classify = (bytes: Uint8Array): string => classifyDatagram(bytes, 0, bytes.length);

describe('classifyDatagram (RFC 3948 §2)', () => {
  it('knows a NAT-keepalive (RFC 3948 §2.3)', () => {
    expect(classify(natKeepalive())).toBe('keepalive');
    expect(classify(Uint8Array.of(0xfe))).toBe('malformed');
    expect(classify(Uint8Array.of(0xff, 0xff))).toBe('malformed');
  });

  it('knows an IKE message by the non-ESP marker (RFC 3948 §2.2)', () => {
    expect(classify(prependMarker(new Uint8Array(28).fill(7)))).toBe('ike');
    expect(classify(prependMarker(new Uint8Array(27).fill(7)))).toBe('malformed');
  });

  it('takes everything with an SPI for ESP (RFC 3948 §2.1)', () => {
    expect(classify(Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 1))).toBe('esp');
    expect(classify(new Uint8Array(100).fill(0xff))).toBe('esp');
    expect(classify(new Uint8Array(7).fill(1))).toBe('malformed');
  });

  it('calls an empty datagram malformed', () => {
    expect(classify(new Uint8Array(0))).toBe('malformed');
  });

  it('looks only at its own bytes, at any offset', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 64 }),
          fc.uint8Array({ maxLength: 64 }).map(prependMarker),
          fc.constant(natKeepalive()),
        ),
        fc.uint8Array({ maxLength: 8 }),
        fc.uint8Array({ maxLength: 8 }),
        (datagram, before, after) => {
          const memory = Uint8Array.from([...before, ...datagram, ...after]);
          expect(classifyDatagram(memory, before.length, datagram.length)).toBe(classify(datagram));
        },
      ),
    );
  });
});

describe('non-ESP marker (RFC 7296 §2.23)', () => {
  it('is four zeros in front of the unchanged message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (message) => {
        const datagram = prependMarker(message);
        expect([...datagram.subarray(0, NON_ESP_MARKER_BYTES)]).toEqual([0, 0, 0, 0]);
        expect(datagram.subarray(NON_ESP_MARKER_BYTES)).toEqual(message);
      }),
    );
  });

  it('is written in place without touching its neighbours', () => {
    const memory = new Uint8Array(8).fill(9);
    expect(writeMarker(memory, 2)).toBe(6);
    expect([...memory]).toEqual([9, 9, 0, 0, 0, 0, 9, 9]);
  });
});
