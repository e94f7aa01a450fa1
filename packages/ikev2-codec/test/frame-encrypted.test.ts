import { describe, expect, it } from 'vitest';
import {
  ApiMisuseError,
  decodeMessage,
  encryptedOverheadBytes,
  encryptedRegions,
  frameEncrypted,
  type IkeHeader,
} from '../src/index.ts';
import { readCapture } from './captures/captured-message.ts';

const header: IkeHeader = {
  initiatorSpi: 1n,
  responderSpi: 2n,
  majorVersion: 2,
  minorVersion: 0,
  exchangeType: 35,
  isInitiator: true,
  isResponse: false,
  higherVersion: false,
  messageId: 1,
};
const sizes = { ivBytes: 8, textBytes: 21, icvBytes: 16 };
const fragment = { type: 'SKF', firstPayload: 35, fragmentNumber: 1, totalFragments: 3 } as const;

describe('a frame to be sealed in place', () => {
  it('has all lengths filled in and is zero from the IV on (RFC 7296 §3.14)', () => {
    const { datagram, ...regions } = frameEncrypted(
      header,
      { type: 'SK', firstPayload: 35 },
      sizes,
    );
    expect(regions).toEqual({
      aadBytes: 32,
      ivOffset: 32,
      textOffset: 40,
      textBytes: 21,
      icvOffset: 61,
    });
    expect(decodeMessage(datagram)).toEqual({
      ok: true,
      value: { header, payloads: [{ type: 'SK', firstPayload: 35, body: new Uint8Array(45) }] },
    });
  });

  it('covers the fragment fields with the associated data (RFC 7383 §2.5)', () => {
    const { datagram, ...regions } = frameEncrypted(header, fragment, sizes);
    expect(regions).toMatchObject({ aadBytes: 36, ivOffset: 36, textOffset: 44 });
    expect(decodeMessage(datagram)).toMatchObject({
      value: { payloads: [{ ...fragment, body: new Uint8Array(45) }] },
    });
  });

  it('tells beforehand how much a size limit leaves for the text', () => {
    for (const payload of [{ type: 'SK', firstPayload: 0 } as const, fragment]) {
      const { datagram } = frameEncrypted(header, payload, sizes);
      expect(datagram.length - encryptedOverheadBytes(payload.type, sizes)).toBe(sizes.textBytes);
    }
  });

  it('is refused without text, above 65535 bytes, or with a fragment number of 0', () => {
    const frame = (more: object, payload: object = {}) =>
      frameEncrypted(header, { ...fragment, ...payload }, { ...sizes, ...more });
    expect(() => frame({ textBytes: 0 })).toThrow(ApiMisuseError);
    expect(() => frame({ textBytes: 65535 })).toThrow(ApiMisuseError);
    expect(() => frame({}, { fragmentNumber: 0 })).toThrow(ApiMisuseError);
  });
});

describe('the regions of a received message (RFC 5282 §5.1)', () => {
  it('are where they were framed', () => {
    for (const payload of [{ type: 'SK', firstPayload: 0 } as const, fragment]) {
      const { datagram, ...regions } = frameEncrypted(header, payload, sizes);
      const message = decodeMessage(datagram);
      const last = message.ok ? message.value.payloads.at(-1) : undefined;
      if (last?.type !== 'SK' && last?.type !== 'SKF') throw new Error('not encrypted');
      expect(encryptedRegions(datagram, last, sizes)).toEqual({ ok: true, value: regions });
    }
  });

  it('leave the decrypted payloads, padding and Pad Length of a captured message', () => {
    for (const { bytes, decrypted } of readCapture('strongswan-psk')) {
      const message = decodeMessage(bytes);
      const last = message.ok ? message.value.payloads.at(-1) : undefined;
      if (last?.type !== 'SK' || !decrypted) continue;
      const regions = encryptedRegions(bytes, last, sizes);
      // AES-GCM needs no alignment: strongSwan pads with nothing but the Pad Length.
      expect(regions).toMatchObject({ value: { aadBytes: 32, textBytes: decrypted.length + 1 } });
    }
  });

  it('are refused when IV, one byte of text and ICV do not fit', () => {
    const { datagram } = frameEncrypted(header, { type: 'SK', firstPayload: 0 }, sizes);
    const cases = [
      [0, 'malformed-payload'],
      [24, 'malformed-payload'],
      [25, undefined],
    ] as const;
    for (const [bodyBytes, code] of cases) {
      const received = datagram.subarray(0, 32 + bodyBytes);
      const payload = { type: 'SK', body: received.subarray(32) } as const;
      const result = encryptedRegions(received, payload, sizes);
      expect(result.ok ? undefined : result.error.code).toBe(code);
    }
  });

  it('cannot be asked for with a payload of another datagram', () => {
    const payload = { type: 'SK', body: new Uint8Array(40) } as const;
    expect(() => encryptedRegions(new Uint8Array(60), payload, sizes)).toThrow(ApiMisuseError);
  });
});
