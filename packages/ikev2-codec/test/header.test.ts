import { describe, expect, it } from 'vitest';
import { ApiMisuseError, decodeHeader, encodeMessage, type IkeHeader } from '../src/index.ts';
import { bytesOf } from './captures/captured-message.ts';

const header: IkeHeader = {
  initiatorSpi: 0x0102030405060708n,
  responderSpi: 0xf1f2f3f4f5f6f7f8n,
  majorVersion: 2,
  minorVersion: 0,
  exchangeType: 37,
  isInitiator: true,
  isResponse: false,
  higherVersion: false,
  messageId: 0xfffffffe,
};
const datagram = bytesOf('0102030405060708 f1f2f3f4f5f6f7f8 00 20 25 08 fffffffe 0000001c');

/** A copy of the datagram with one byte changed. */
function withByte(at: number, value: number): Uint8Array {
  const copy = datagram.slice();
  copy[at] = value;
  return copy;
}

describe('the IKE header (RFC 7296 §3.1)', () => {
  it('is decoded field by field', () => {
    expect(decodeHeader(datagram)).toEqual({ ok: true, value: header });
  });

  it('is encoded field by field', () => {
    expect(encodeMessage({ header, payloads: [] })).toEqual(datagram);
  });

  it.each([
    [0x20, { isResponse: true, isInitiator: false, higherVersion: false }],
    [0x10, { isResponse: false, isInitiator: false, higherVersion: true }],
    [0x08, { isResponse: false, isInitiator: true, higherVersion: false }],
  ])('has the flag %i where the RFC draws it', (flags, fields) => {
    expect(decodeHeader(withByte(19, flags))).toMatchObject({ ok: true, value: fields });
  });

  it('ignores the reserved flags', () => {
    expect(decodeHeader(withByte(19, 0xc7 | 0x08))).toEqual({ ok: true, value: header });
  });

  it('accepts a higher minor version (RFC 7296 §2.5)', () => {
    expect(decodeHeader(withByte(17, 0x2f))).toMatchObject({
      ok: true,
      value: { minorVersion: 15 },
    });
  });

  it('reports another major version with the header that an answer needs (RFC 7296 §2.5)', () => {
    expect(decodeHeader(withByte(17, 0x30))).toEqual({
      ok: false,
      error: {
        code: 'unsupported-major-version',
        detail: 'IKE version 3.0 is not 2',
        header: { ...header, majorVersion: 3 },
      },
    });
    expect(decodeHeader(withByte(17, 0x10))).toMatchObject({
      error: { code: 'unsupported-major-version', header: { majorVersion: 1 } },
    });
  });

  it("refuses a zero initiator's SPI", () => {
    const zero = datagram.slice().fill(0, 0, 8);
    expect(decodeHeader(zero)).toMatchObject({ error: { code: 'zero-initiator-spi' } });
  });

  it('refuses a length that is not that of the datagram', () => {
    const longer = Uint8Array.of(...datagram, 0);
    for (const wrong of [withByte(27, 27), withByte(27, 29), withByte(24, 0x80), longer]) {
      expect(decodeHeader(wrong)).toMatchObject({ error: { code: 'length-mismatch', header } });
    }
  });

  it('refuses fewer bytes than a header', () => {
    expect(decodeHeader(datagram.subarray(0, 27))).toMatchObject({ error: { code: 'too-short' } });
    expect(decodeHeader(new Uint8Array(0))).toMatchObject({ error: { code: 'too-short' } });
  });
});

describe('a header that cannot be on the wire', () => {
  it.each<[string, Partial<IkeHeader>]>([
    ['header.initiatorSpi', { initiatorSpi: 0n }],
    ['header.initiatorSpi', { initiatorSpi: 1n << 64n }],
    ['header.responderSpi', { responderSpi: -1n }],
    ['header.majorVersion', { majorVersion: 16 }],
    ['header.exchangeType', { exchangeType: 256 }],
    ['header.messageId', { messageId: 2 ** 32 }],
  ])('names %s as the field at fault', (field, wrong) => {
    const encode = () => encodeMessage({ header: { ...header, ...wrong }, payloads: [] });
    expect(encode).toThrow(ApiMisuseError);
    expect(encode).toThrow(field);
  });
});
