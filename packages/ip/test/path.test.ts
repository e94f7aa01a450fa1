import {
  addressFromBytes,
  copyPathWords,
  formatEndpoint,
  formatPath,
  formatPrefix,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  lastAddress,
  networkPrefix,
  type Path,
  packedLocalIsKnown,
  packedRemotesEqual,
  packPath,
  parseAddress,
  parseEndpoint,
  parsePrefix,
  pathsEqual,
  pathWordsEqual,
  prefixContains,
  readPackedPath,
  unmapAddress,
  unspecifiedAddress,
  writePackedPath,
} from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const endpoint = fc.record({
  address: fc
    .oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    .map((bytes) => unmapAddress(addressFromBytes(bytes))),
  port: fc.integer({ min: 0, max: 65535 }),
});
const anyPath: fc.Arbitrary<Path> = fc.record({ local: endpoint, remote: endpoint });

function path(local: string, remote: string): Path {
  const ends = { local: parseEndpoint(local), remote: parseEndpoint(remote) };
  if (!ends.local || !ends.remote) throw new Error('not an endpoint');
  return { local: ends.local, remote: ends.remote };
}

function packedWords(given: Path): Uint32Array {
  return new Uint32Array(packPath(given).buffer);
}

describe('packed paths', () => {
  it('come back as they were written, at any index', () => {
    fc.assert(
      fc.property(anyPath, fc.integer({ min: 0, max: 3 }), (given, index) => {
        const paths = new Uint8Array(36 * 4).fill(0xee);
        const words = new Uint32Array(paths.buffer);
        writePackedPath(paths, index, given);
        expect(pathsEqual(readPackedPath(paths, index), given)).toBe(true);
        expect(pathWordsEqual(words, index, packedWords(given), 0)).toBe(true);
        expect(paths.filter((byte) => byte === 0xee).length).toBeGreaterThanOrEqual(36 * 3);
      }),
    );
  });

  it('are compared as a whole or by the remote end', () => {
    const a = packPath(path('10.0.0.1:4500', '192.0.2.7:4500'));
    const b = packPath(path('10.0.0.2:4500', '192.0.2.7:4500'));
    const aWords = new Uint32Array(a.buffer);
    const bWords = new Uint32Array(b.buffer);
    expect(pathWordsEqual(aWords, 0, bWords, 0)).toBe(false);
    expect(packedRemotesEqual(a, 0, b, 0)).toBe(true);
    copyPathWords(aWords, 0, bWords, 0);
    expect(pathWordsEqual(aWords, 0, bWords, 0)).toBe(true);
    expect(b).toEqual(a);
  });

  it('tell whether the local address is known', () => {
    expect(packedLocalIsKnown(packPath(path('0.0.0.0:4500', '1.2.3.4:1')), 0)).toBe(false);
    expect(packedLocalIsKnown(packPath(path('[::]:4500', '[::1]:1')), 0)).toBe(false);
    expect(packedLocalIsKnown(packPath(path('10.0.0.1:4500', '1.2.3.4:1')), 0)).toBe(true);
  });
});

describe('endpoints', () => {
  it.each(['192.0.2.1:0', '192.0.2.1:65535', '[2001:db8::1]:4500'])(
    'reads and writes %s',
    (text) => {
      const parsed = parseEndpoint(text);
      expect(parsed && formatEndpoint(parsed)).toBe(text);
    },
  );

  it.each([
    '192.0.2.1',
    '192.0.2.1:65536',
    '192.0.2.1:01',
    '::1:500',
    '[192.0.2.1]:1',
    '[::1]',
    ':1',
  ])('refuses %s', (text) => expect(parseEndpoint(text)).toBeUndefined());

  it('prints a path with the local end first', () => {
    expect(formatPath(path('10.0.0.1:4500', '[::1]:4500'))).toBe('10.0.0.1:4500 -> [::1]:4500');
  });
});

describe('prefixes', () => {
  const prefix = (text: string) => {
    const parsed = parsePrefix(text);
    if (!parsed) throw new Error(text);
    return parsed;
  };
  const address = (text: string) => parseAddress(text) ?? unspecifiedAddress(4);

  it('keep host bits until they are cleared', () => {
    expect(formatPrefix(prefix('10.1.2.3/20'))).toBe('10.1.2.3/20');
    expect(formatPrefix(networkPrefix(prefix('10.1.18.3/20')))).toBe('10.1.16.0/20');
    expect(lastAddress(prefix('10.1.18.3/20'))).toEqual(address('10.1.31.255'));
    expect(formatPrefix(prefix('::1'))).toBe('::1/128');
  });

  it.each(['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '/8'])(
    'refuses %s',
    (text) => expect(parsePrefix(text)).toBeUndefined(),
  );

  it('contain the addresses of their family that share their leading bits', () => {
    expect(prefixContains(prefix('10.0.0.0/9'), address('10.127.0.1'))).toBe(true);
    expect(prefixContains(prefix('10.0.0.0/9'), address('10.128.0.1'))).toBe(false);
    expect(prefixContains(prefix('0.0.0.0/0'), address('::1'))).toBe(false);
    expect(prefixContains(prefix('::/0'), address('::1'))).toBe(true);
  });

  it('classify addresses', () => {
    expect(['127.3.2.1', '::1'].map(address).every(isLoopback)).toBe(true);
    expect(['224.0.0.1', 'ff02::1'].map(address).every(isMulticast)).toBe(true);
    expect(['169.254.1.1', 'fe80::1', 'febf::1'].map(address).every(isLinkLocal)).toBe(true);
    expect(['0.0.0.0', '::'].map(address).every(isUnspecified)).toBe(true);
    const plain = ['10.0.0.1', '2001:db8::1'].map(address);
    expect(plain.some((a) => isLoopback(a) || isMulticast(a) || isLinkLocal(a))).toBe(false);
  });
});
