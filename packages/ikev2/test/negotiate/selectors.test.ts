import type { TrafficSelector } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { isWithinOffer, readSelectors } from '../../src/negotiate/selectors.ts';

const ipv4 = (...bytes: number[]) => ({ version: 4 as const, bytes: Uint8Array.from(bytes) });

const range = (first: number, last: number, startPort = 0, endPort = 65_535): TrafficSelector => ({
  protocol: 0,
  startPort,
  endPort,
  start: ipv4(10, 0, 0, first),
  end: ipv4(10, 0, 0, last),
});

describe('the selectors of a peer (RFC 7296 §2.9, §3.13.1)', () => {
  it('leave out inverted ranges, which select nothing, and types that are not addresses', () => {
    const opaque = range(1, 9, 65_535, 0);
    const raw = { tsType: 9, raw: Uint8Array.of(9, 0, 0, 4) };
    const selectors = [range(9, 1), range(1, 9, 80, 22), opaque, raw, range(1, 9)];
    expect(readSelectors({ type: 'TSr', selectors })).toEqual([opaque, range(1, 9)]);
  });

  it('are refused by the initiator when they are wider than its offer, or nothing', () => {
    const offered = [range(1, 9)];
    expect(isWithinOffer([range(2, 3), range(9, 9)], offered)).toBe(true);
    expect(isWithinOffer([range(2, 10)], offered)).toBe(false);
    expect(isWithinOffer([range(2, 3), range(0, 9)], offered)).toBe(false);
    expect(isWithinOffer([], offered)).toBe(false);
  });
});
