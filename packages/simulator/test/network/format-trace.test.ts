import { describe, expect, it } from 'vitest';
import { describeDatagram } from '../../src/index.ts';

function ikeHeader(exchangeType: number, flags: number, messageId: number): number[] {
  const spis = [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
  return [...spis, 0, 0x20, exchangeType, flags, 0, 0, 0, messageId, 0, 0, 0, 28];
}

const describeBytes = (...bytes: number[]): string =>
  describeDatagram({ data: Uint8Array.from(bytes) });

describe('the description of a datagram', () => {
  it('names exchange, direction and message id, with and without non-ESP marker', () => {
    expect(describeBytes(...ikeHeader(34, 0x08, 0))).toBe('IKE_SA_INIT request 0');
    expect(describeBytes(0, 0, 0, 0, ...ikeHeader(35, 0x20, 1))).toBe('IKE_AUTH response 1');
  });

  it('names SPI and sequence number of ESP (RFC 4303 §2)', () => {
    expect(describeBytes(0xc0, 1, 2, 3, 0, 0, 0, 7, 9, 9)).toBe('ESP 0xc0010203 #7');
  });

  it('knows a keepalive (RFC 3948 §2.3) and garbage', () => {
    expect(describeBytes(0xff)).toBe('keepalive');
    expect(describeBytes(1, 2, 3)).toBe('malformed');
  });
});
