import { formatPath, type IpAddress, pathsEqual } from '@ipsec-kit/ip';
import { pathCandidates } from '@ipsec-kit/mobike';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { address, path } from './addresses.ts';

const addresses = fc.array(
  fc
    .tuple(fc.constantFrom(4 as const, 6 as const), fc.nat({ max: 5 }))
    .map(([version, last]): IpAddress => {
      const bytes = new Uint8Array(version === 4 ? 4 : 16).fill(1);
      bytes[3] = last;
      return { version, bytes };
    }),
  { maxLength: 8 },
);

describe('pathCandidates (RFC 4555 §3.1, §3.5)', () => {
  it('puts the path in use first, then the same peer address, the same local one, the same family', () => {
    const candidates = pathCandidates({
      localAddresses: ['2001:db8::a', '10.0.0.2', '10.0.0.1'].map(address),
      remoteAddresses: ['2001:db8::1', '192.0.2.2', '192.0.2.1'].map(address),
      current: path('10.0.0.1', '192.0.2.1'),
    });
    expect(candidates.map(formatPath)).toEqual([
      '10.0.0.1:4500 -> 192.0.2.1:4500',
      '10.0.0.2:4500 -> 192.0.2.1:4500',
      '10.0.0.1:4500 -> 192.0.2.2:4500',
      '10.0.0.2:4500 -> 192.0.2.2:4500',
      '[2001:db8::a]:4500 -> [2001:db8::1]:4500',
    ]);
  });

  it('changes the family when the other one is gone', () => {
    const candidates = pathCandidates({
      localAddresses: [address('2001:db8::a')],
      remoteAddresses: ['192.0.2.1', '2001:db8::1'].map(address),
      current: path('10.0.0.1', '192.0.2.1'),
    });
    expect(candidates.map(formatPath)).toEqual(['[2001:db8::a]:4500 -> [2001:db8::1]:4500']);
  });

  it('is empty without a common family', () => {
    const current = path('10.0.0.1', '192.0.2.1');
    expect(
      pathCandidates({
        localAddresses: [address('2001:db8::a')],
        remoteAddresses: [address('192.0.2.1')],
        current,
      }),
    ).toEqual([]);
    expect(pathCandidates({ localAddresses: [], remoteAddresses: [], current })).toEqual([]);
  });

  it('names every pair of one family once, up to the bound', () => {
    fc.assert(
      fc.property(addresses, addresses, fc.nat({ max: 70 }), (locals, remotes, maxPaths) => {
        const current = path('1.1.1.1', '1.1.1.2');
        const input = { localAddresses: locals, remoteAddresses: remotes, current };
        const candidates = pathCandidates(input);
        const pairs = new Set(
          locals.flatMap((local) =>
            remotes
              .filter((remote) => remote.version === local.version)
              .map((remote) =>
                formatPath({
                  local: { address: local, port: 4500 },
                  remote: { address: remote, port: 4500 },
                }),
              ),
          ),
        );
        expect(candidates.map(formatPath).sort()).toEqual([...pairs].sort());
        const index = candidates.findIndex((candidate) => pathsEqual(candidate, current));
        expect(index).toBeLessThanOrEqual(0);
        expect(pathCandidates({ ...input, maxPaths })).toEqual(candidates.slice(0, maxPaths));
      }),
    );
  });
});
