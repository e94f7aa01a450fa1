import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeInterfaceName,
  encodeInterfaceRequest,
  errnoName,
  IFF_NO_PI,
  IFF_TUN,
  PosixError,
} from '../src/index.ts';

describe('encodeInterfaceRequest', () => {
  it('puts the name first and the flags behind its 16 bytes', () => {
    const request = encodeInterfaceRequest('ipsec%d', IFF_TUN | IFF_NO_PI);
    expect(request.length).toBe(40);
    expect([...request.subarray(0, 8)]).toEqual([...Buffer.from('ipsec%d\0')]);
    expect([...request.subarray(16, 18)]).toEqual([0x01, 0x10]);
  });

  it('gives back every name that it takes', () => {
    const name = fc.stringMatching(/^[!-.0-~]{1,15}$/);
    fc.assert(
      fc.property(name, (text) => {
        expect(decodeInterfaceName(encodeInterfaceRequest(text, 0))).toBe(text);
      }),
    );
  });

  it('refuses names that the kernel would cut or refuse', () => {
    for (const name of ['', 'a'.repeat(16), 'a b', 'a/b', 'tün0', 'a\0b']) {
      expect(() => encodeInterfaceRequest(name, 0)).toThrow('"name" expected');
    }
  });
});

describe('decodeInterfaceName', () => {
  it('ends at the NUL, and at 16 bytes without one', () => {
    expect(decodeInterfaceName(new Uint8Array(40))).toBe('');
    expect(decodeInterfaceName(new Uint8Array(40).fill(0x61))).toBe('a'.repeat(16));
  });
});

describe('errnoName', () => {
  it('prefers the usual one of two names, and prints unknown numbers', () => {
    expect(errnoName(11)).toBe('EAGAIN');
    expect(errnoName(9999)).toBe('errno 9999');
    expect(new PosixError('ioctl', 9999).message).toBe('ioctl: errno 9999');
  });
});
