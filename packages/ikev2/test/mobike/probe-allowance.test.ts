import { instantFromMs } from '@ipsec-kit/clock';
import { describe, expect, it } from 'vitest';
import { ProbeAllowance } from '../../src/mobike/probe-allowance.ts';
import { address } from './roaming-pair.ts';

const at = instantFromMs;
const HERE = address('192.0.2.1');
const others = Array.from({ length: 64 }, (_, i) => address(`198.51.100.${i}`));

describe('what may go unasked to addresses that a peer has listed (RFC 4555 §5.3)', () => {
  it('is 3,072 bytes to one of them, and 10 more with each second', () => {
    const probes = new ProbeAllowance();
    expect(probes.spend(at(0), HERE, 3_073)).toBe(false);
    expect(probes.spend(at(0), HERE, 3_072)).toBe(true);
    expect([probes.has(at(0), HERE, 1), probes.spend(at(0), HERE, 1)]).toEqual([false, false]);
    expect(probes.has(at(10_000), HERE, 101)).toBe(false);
    expect(probes.spend(at(10_000), HERE, 101)).toBe(false);
    expect(probes.spend(at(10_000), HERE, 100)).toBe(true);
  });

  it('is 8,192 bytes to all of them, and 30 more with each second', () => {
    const probes = new ProbeAllowance();
    const went = others.map((other) => probes.spend(at(0), other, 1_024));
    expect(went.filter((isSent) => isSent)).toHaveLength(8);
    expect(probes.has(at(1_000), HERE, 31)).toBe(false);
    expect(probes.has(at(1_000), HERE, 30)).toBe(true);
  });

  it('is for 64 addresses, and for another one when one of them has its whole allowance back', () => {
    const probes = new ProbeAllowance();
    for (const other of others) expect(probes.spend(at(0), other, 20)).toBe(true);
    expect(probes.has(at(1_999), HERE, 20)).toBe(false);
    expect(probes.has(at(2_000), HERE, 20)).toBe(true);
  });

  it('is not spent by asking whether there is room', () => {
    const probes = new ProbeAllowance();
    for (let i = 0; i < 10; i += 1) expect(probes.has(at(0), HERE, 3_072)).toBe(true);
    expect(probes.spend(at(0), HERE, 3_072)).toBe(true);
  });
});
