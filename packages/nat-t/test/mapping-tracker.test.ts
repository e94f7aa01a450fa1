import { MappingTracker } from '@ipsec-kit/nat-t';
import { describe, expect, it } from 'vitest';

const spis = { initiatorSpi: 1n, responderSpi: 2n };
const view = (byte: number): Uint8Array => new Uint8Array(20).fill(byte);

describe('MappingTracker (RFC 4555 §3.8)', () => {
  it('compares with the first view, and says so until it is rebased', () => {
    const tracker = new MappingTracker();
    expect(tracker.hasBaseline).toBe(false);
    expect(tracker.observe(spis, view(1))).toBe('began');
    expect(tracker.observe(spis, view(1))).toBe('unchanged');
    expect(tracker.observe(spis, view(2))).toBe('changed');
    expect(tracker.observe(spis, view(2))).toBe('changed');
    tracker.rebase();
    expect(tracker.observe(spis, view(2))).toBe('began');
    expect(tracker.observe(spis, view(2))).toBe('unchanged');
  });

  it('begins anew when the IKE SA was rekeyed, since the hash covers the SPIs', () => {
    const tracker = new MappingTracker();
    tracker.observe(spis, view(1));
    const rekeyed = { initiatorSpi: 3n, responderSpi: 4n };
    expect(tracker.observe(rekeyed, view(9))).toBe('began');
    expect(tracker.observe(rekeyed, view(8))).toBe('changed');
  });

  it('keeps its own copy of the baseline', () => {
    const tracker = new MappingTracker();
    const hash = view(1);
    tracker.observe(spis, hash);
    hash.fill(2);
    expect(tracker.observe(spis, view(1))).toBe('unchanged');
  });

  it('takes a hash of another length for a change', () => {
    const tracker = new MappingTracker();
    tracker.observe(spis, view(1));
    expect(tracker.observe(spis, new Uint8Array(0))).toBe('changed');
  });
});
