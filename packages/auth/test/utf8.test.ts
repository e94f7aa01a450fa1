import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../src/utf8.ts';

describe('UTF-8 (RFC 3629)', () => {
  it('is encoded as the platform does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(Buffer.from(encodeUtf8(text))).toEqual(Buffer.from(text));
        expect(decodeUtf8(encodeUtf8(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
    expect(Buffer.from(encodeUtf8('\ud800x')).toString('hex')).toBe('efbfbd78');
  });

  it('is decoded or refused as the platform does', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const platform = (bytes: Uint8Array): string | undefined => {
      try {
        return decoder.decode(bytes);
      } catch {
        return undefined;
      }
    };
    const lead = fc.constantFrom(
      0x41,
      0x80,
      0xbf,
      0xc0,
      0xc2,
      0xe0,
      0xed,
      0xef,
      0xf0,
      0xf4,
      0xf5,
      0xff,
    );
    const tail = fc.constantFrom(0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf);
    fc.assert(
      fc.property(fc.array(fc.oneof(lead, tail), { maxLength: 8 }), (list) => {
        const bytes = Uint8Array.from(list);
        expect(decodeUtf8(bytes)).toBe(platform(bytes));
      }),
      { numRuns: 3000 },
    );
  });
});
