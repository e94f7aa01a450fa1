import { createSeededRandom } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { type Endpoint, type Path, parseEndpoint } from '@ipsec-kit/ip';
import {
  detectNat,
  forcedSourceHash,
  NAT_DETECTION_HASH_BYTES,
  natDetectionHash,
  needsEncapsulation,
} from '@ipsec-kit/nat-t';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const provider = createNobleProvider();
const spis = { initiatorSpi: 0x0011223344556677n, responderSpi: 0x8899aabbccddeeffn };

function endpoint(text: string): Endpoint {
  const parsed = parseEndpoint(text);
  if (!parsed) throw new Error(`not an endpoint: ${text}`);
  return parsed;
}

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const addresses = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);
const endpoints: fc.Arbitrary<Endpoint> = fc
  .tuple(addresses, fc.nat({ max: 65535 }))
  .map(([bytes, port]) => ({
    address: { version: bytes.length === 4 ? (4 as const) : (6 as const), bytes },
    port,
  }));
const paths: fc.Arbitrary<Path> = fc.record({ local: endpoints, remote: endpoints });

describe('natDetectionHash (RFC 7296 §2.23)', () => {
  it('is SHA-1 over SPIs, address and port', () => {
    const initial = { ...spis, responderSpi: 0n };
    expect(hex(natDetectionHash(provider, initial, endpoint('192.0.2.1:500')))).toBe(
      '0f4e340ec8f74e72a5596c98861f42b328d41ebf',
    );
    expect(hex(natDetectionHash(provider, spis, endpoint('[2001:db8::1]:4500')))).toBe(
      '7f7c5aa4915eb030dac4b5f24f3465a8e60ca958',
    );
  });

  it('differs when SPIs, address, port or direction differ', () => {
    const here = endpoint('192.0.2.1:500');
    const others = [
      natDetectionHash(provider, spis, endpoint('192.0.2.2:500')),
      natDetectionHash(provider, spis, endpoint('192.0.2.1:501')),
      natDetectionHash(provider, { ...spis, responderSpi: 0n }, here),
      natDetectionHash(
        provider,
        { initiatorSpi: spis.responderSpi, responderSpi: spis.initiatorSpi },
        here,
      ),
    ].map(hex);
    expect(new Set([...others, hex(natDetectionHash(provider, spis, here))]).size).toBe(5);
  });
});

describe('detectNat (RFC 7296 §2.23)', () => {
  const hash = (at: Endpoint): Uint8Array => natDetectionHash(provider, spis, at);

  it('finds out which end had its address changed on the way', () => {
    fc.assert(
      fc.property(paths, paths, (sent, arrived) => {
        // `sent` as the sender sees it: its local end is our remote one.
        const found = detectNat(provider, {
          ...spis,
          sourceHashes: [hash(sent.local)],
          destinationHashes: [hash(sent.remote)],
          path: arrived,
        });
        const same = (a: Endpoint, b: Endpoint): boolean =>
          a.port === b.port && hex(a.address.bytes) === hex(b.address.bytes);
        expect(found).toEqual({
          local: !same(sent.remote, arrived.local),
          remote: !same(sent.local, arrived.remote),
        });
      }),
    );
  });

  it('sees no NAT when nothing was changed', () => {
    fc.assert(
      fc.property(paths, (path) => {
        const sourceHashes = [hash(path.remote)];
        const destinationHashes = [hash(path.local)];
        expect(detectNat(provider, { ...spis, sourceHashes, destinationHashes, path })).toEqual({
          local: false,
          remote: false,
        });
      }),
    );
  });

  it('is content when one of several source hashes matches', () => {
    const path = { local: endpoint('192.0.2.1:500'), remote: endpoint('198.51.100.7:500') };
    const input = { ...spis, destinationHashes: [hash(path.local)], path };
    const strange = hash(endpoint('10.0.0.1:500'));
    const both = [strange, hash(path.remote)];
    expect(detectNat(provider, { ...input, sourceHashes: both })?.remote).toBe(false);
    expect(detectNat(provider, { ...input, sourceHashes: [strange] })?.remote).toBe(true);
  });

  it('says nothing when the peer sent no hashes, or only one kind', () => {
    const path = { local: endpoint('192.0.2.1:500'), remote: endpoint('198.51.100.7:500') };
    const some = [hash(path.local)];
    for (const [sourceHashes, destinationHashes] of [
      [[], []],
      [some, []],
      [[], some],
    ] as const) {
      expect(
        detectNat(provider, { ...spis, sourceHashes, destinationHashes, path }),
      ).toBeUndefined();
    }
  });

  it('takes hashes of any length and content', () => {
    const path = { local: endpoint('192.0.2.1:500'), remote: endpoint('[2001:db8::1]:500') };
    fc.assert(
      fc.property(fc.array(fc.uint8Array(), { minLength: 1 }), (hashes) => {
        expect(
          detectNat(provider, { ...spis, sourceHashes: hashes, destinationHashes: hashes, path }),
        ).toEqual({ local: true, remote: true });
      }),
    );
  });
});

describe('forced UDP encapsulation', () => {
  it('makes the peer see a NAT in front of us where there is none', () => {
    const path = { local: endpoint('192.0.2.1:500'), remote: endpoint('198.51.100.7:500') };
    const found = detectNat(provider, {
      ...spis,
      sourceHashes: [forcedSourceHash(createSeededRandom(1))],
      destinationHashes: [natDetectionHash(provider, spis, path.local)],
      path,
    });
    expect(found).toEqual({ local: false, remote: true });
    expect(forcedSourceHash(createSeededRandom(1))).toHaveLength(NAT_DETECTION_HASH_BYTES);
  });

  it('encapsulates for a NAT at either end and when forced', () => {
    const none = { local: false, remote: false, forced: false };
    expect(needsEncapsulation(none)).toBe(false);
    for (const key of ['local', 'remote', 'forced']) {
      expect(needsEncapsulation({ ...none, [key]: true })).toBe(true);
    }
  });
});
