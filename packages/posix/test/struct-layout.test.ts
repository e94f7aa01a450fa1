import { describe, expect, it } from 'vitest';
import { IFREQ, layoutMismatch, POLLFD, STRUCT_LAYOUTS } from '../src/index.ts';

const asExpected = {
  sizeOf: (layout: { sizeBytes: number }) => layout.sizeBytes,
  offsetOf: (layout: (typeof STRUCT_LAYOUTS)[number], field: string) =>
    layout.fields[field]?.offset ?? -1,
};

describe('layoutMismatch', () => {
  it('finds no difference where there is none', () => {
    expect(layoutMismatch(STRUCT_LAYOUTS, asExpected)).toBeUndefined();
  });

  it('names a structure of another size', () => {
    const measure = { ...asExpected, sizeOf: () => 32 };
    expect(layoutMismatch([IFREQ], measure)).toBe(
      'struct ifreq has 32 bytes on this machine, expected 40',
    );
  });

  it('names a field that lies elsewhere', () => {
    const measure = { ...asExpected, offsetOf: () => 0 };
    expect(layoutMismatch([POLLFD], measure)).toBe(
      'struct pollfd has events at byte 0 on this machine, expected 4',
    );
  });
});
