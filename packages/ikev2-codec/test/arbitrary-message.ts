import fc from 'fast-check';
import type { IkeHeader, IkeMessage, Payload, Proposal, Transform } from '../src/index.ts';

const uint8 = fc.integer({ min: 0, max: 0xff });
const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const uint64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });

function bytes(minLength = 0, maxLength = 40): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength, maxLength });
}

/** A copy without the keys whose value is undefined, as a decoder leaves them out. */
function compact<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined),
  ) as unknown as T;
}

export const arbitraryHeader: fc.Arbitrary<IkeHeader> = fc.record({
  initiatorSpi: fc.bigInt({ min: 1n, max: 0xffff_ffff_ffff_ffffn }),
  responderSpi: uint64,
  majorVersion: fc.constant(2),
  minorVersion: fc.integer({ min: 0, max: 15 }),
  exchangeType: uint8,
  isInitiator: fc.boolean(),
  isResponse: fc.boolean(),
  higherVersion: fc.boolean(),
  messageId: uint32,
});

/** An attribute that is not a Key Length in TV format, with its header. */
const attribute: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc
    .tuple(fc.integer({ min: 15, max: 0x7fff }), uint16)
    .map(([type, value]) =>
      Uint8Array.of(0x80 | (type >> 8), type & 0xff, value >> 8, value & 0xff),
    ),
  fc
    .tuple(fc.integer({ min: 0, max: 0x7fff }), bytes(0, 12))
    .map(([type, value]) => Uint8Array.of(type >> 8, type & 0xff, 0, value.length, ...value)),
);

const transform: fc.Arbitrary<Transform> = fc
  .record({
    type: uint8,
    id: uint16,
    keyBits: fc.option(uint16, { nil: undefined }),
    unknownAttributes: fc.option(fc.array(attribute, { minLength: 1, maxLength: 3 }), {
      nil: undefined,
    }),
  })
  .map((value) => compact(value as Transform));

const proposal: fc.Arbitrary<Proposal> = fc
  .constantFrom([1, 0], [1, 8], [2, 4], [3, 4], [6, 16], [200, 3])
  .chain(([protocol = 1, spiBytes = 0]) =>
    fc.record({
      number: uint8,
      protocol: fc.constant(protocol),
      spi: bytes(spiBytes, spiBytes),
      transforms: fc.array(transform, { minLength: 1, maxLength: 6 }),
    }),
  );

const deletion = fc
  .constantFrom([1, 0], [2, 4], [3, 4], [6, 16])
  .chain(([protocol = 1, spiBytes = 0]) =>
    fc.record({
      type: fc.constant('D' as const),
      protocol: fc.constant(protocol),
      spis: fc.array(bytes(spiBytes, spiBytes), { maxLength: spiBytes === 0 ? 0 : 5 }),
    }),
  );

const selector = fc.oneof(
  fc.constantFrom(4 as const, 6 as const).chain((version) => {
    const address = bytes(version === 4 ? 4 : 16, version === 4 ? 4 : 16).map((value) => ({
      version,
      bytes: value,
    }));
    return fc.record({
      protocol: uint8,
      startPort: uint16,
      endPort: uint16,
      start: address,
      end: address,
    });
  }),
  fc.tuple(fc.constantFrom(0, 9, 10, 241), bytes(0, 12)).map(([tsType, rest]) => ({
    tsType,
    raw: Uint8Array.of(tsType, 0, 0, 4 + rest.length, ...rest),
  })),
);

const identity = fc.oneof(
  fc.record({ idType: fc.constant(1), data: bytes(4, 4) }),
  fc.record({ idType: fc.constant(5), data: bytes(16, 16) }),
  fc.record({ idType: fc.constantFrom(2, 3, 9, 11, 13, 201), data: bytes() }),
  fc.record({
    idType: fc.constant(2),
    data: bytes(),
    reserved: fc.integer({ min: 1, max: 0xffffff }),
  }),
);

const eapMessage = bytes().map((data) =>
  Uint8Array.of(1, 7, (4 + data.length) >> 8, (4 + data.length) & 0xff, ...data),
);

const plainPayload: fc.Arbitrary<Payload> = fc.oneof(
  fc.record({
    type: fc.constant('SA' as const),
    proposals: fc.array(proposal, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ type: fc.constant('KE' as const), method: uint16, data: bytes() }),
  fc
    .tuple(fc.constantFrom('IDi' as const, 'IDr' as const), identity)
    .map(([type, value]) => ({ type, ...value })),
  fc.record({
    type: fc.constantFrom('CERT' as const, 'CERTREQ' as const),
    encoding: uint8,
    data: bytes(),
  }),
  fc.record({ type: fc.constant('AUTH' as const), method: uint8, data: bytes() }),
  fc.record({ type: fc.constant('Nonce' as const), data: bytes(16, 256) }),
  fc.record({
    type: fc.constant('N' as const),
    protocol: uint8,
    spi: bytes(0, 16),
    notify: uint16,
    data: bytes(),
  }),
  deletion,
  fc.record({ type: fc.constant('V' as const), data: bytes() }),
  fc.record({
    type: fc.constantFrom('TSi' as const, 'TSr' as const),
    selectors: fc.array(selector, { minLength: 1, maxLength: 5 }),
  }),
  fc.record({
    type: fc.constant('CP' as const),
    configType: uint8,
    attributes: fc.array(
      fc.record({ type: fc.integer({ min: 0, max: 0x7fff }), value: bytes(0, 20) }),
      { maxLength: 6 },
    ),
  }),
  fc.record({ type: fc.constant('EAP' as const), data: eapMessage }),
  fc.record({
    type: fc.constant('unknown' as const),
    payloadType: fc.constantFrom(1, 32, 49, 50, 51, 52, 54, 55, 127, 128, 255),
    data: bytes(),
  }),
);

const encryptedPayload: fc.Arbitrary<Payload> = fc.oneof(
  fc.record({ type: fc.constant('SK' as const), firstPayload: uint8, body: bytes() }),
  fc
    .tuple(fc.integer({ min: 1, max: 0xffff }), fc.integer({ min: 1, max: 0xffff }), uint8, bytes())
    .map(([one, other, firstPayload, body]) => ({
      type: 'SKF' as const,
      firstPayload,
      fragmentNumber: Math.min(one, other),
      totalFragments: Math.max(one, other),
      body,
    })),
);

function mayBeCritical(payload: fc.Arbitrary<Payload>): fc.Arbitrary<Payload> {
  return fc
    .tuple(payload, fc.boolean())
    .map(([value, isCritical]) => (isCritical ? { ...value, critical: true } : value));
}

/** What may stand inside an SK payload. */
export const arbitraryPayloads: fc.Arbitrary<Payload[]> = fc.array(mayBeCritical(plainPayload), {
  maxLength: 8,
});

/** A message with any payloads, in half of the cases ending with SK or SKF. */
export const arbitraryMessage: fc.Arbitrary<IkeMessage> = fc
  .tuple(
    arbitraryHeader,
    arbitraryPayloads,
    fc.option(mayBeCritical(encryptedPayload), { nil: undefined }),
  )
  .map(([header, payloads, encrypted]) => ({
    header,
    payloads: encrypted ? [...payloads, encrypted] : payloads,
  }));
