import { describe, expect, it } from 'vitest';
import { readX509Time } from '../src/x509-time.ts';

const time = (text: string) =>
  readX509Time({
    tag: text.length === 13 ? 0x17 : 0x18,
    contents: Uint8Array.from(Buffer.from(text)),
  });

describe('readX509Time (RFC 5280 §4.1.2.5)', () => {
  it('says what the calendar says, from 1950 to 9999', () => {
    for (let day = -7305; day < 2_932_896; day += 997) {
      const at = day * 86_400_000 + 45_296_000;
      const iso = new Date(at).toISOString();
      const digits = iso.replace(/[-:T]/g, '').slice(0, 14);
      expect(time(`${digits}Z`), iso).toBe(at);
      if (iso >= '1950' && iso < '2050') expect(time(`${digits.slice(2)}Z`), iso).toBe(at);
    }
    expect(time('20000229000000Z')).toBe(Date.UTC(2000, 1, 29));
    expect(time('99991231235959Z')).toBe(Date.UTC(9999, 11, 31, 23, 59, 59));
  });

  it.each([
    '20010229000000Z',
    '21000229000000Z',
    '20011301000000Z',
    '20010001000000Z',
    '20010100000000Z',
    '20010101240000Z',
    '20010101006000Z',
    '20010101000060Z',
    '20010101000000.5Z',
    '20010101000000+0100',
    '2001010100000',
    '',
  ])('refuses %s', (text) => {
    expect(time(text)).toBeUndefined();
  });
});
