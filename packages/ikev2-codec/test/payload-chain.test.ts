import { describe, expect, it } from 'vitest';
import {
  ApiMisuseError,
  decodeMessage,
  decodePayloads,
  encodeMessage,
  encodePayloads,
  MAX_PAYLOADS,
  type Payload,
  PayloadType,
  unsupportedCriticalPayload,
} from '../src/index.ts';
import { bytesOf } from './captures/captured-message.ts';

const header = bytesOf('0102030405060708 0000000000000000 00 20 22 08 00000000 00000000');

/** A message of a first payload type and a chain in hexadecimal digits. */
function messageOf(firstPayload: number, chain: string): Uint8Array {
  const bytes = Uint8Array.of(...header, ...bytesOf(chain));
  bytes[16] = firstPayload;
  new DataView(bytes.buffer).setUint32(24, bytes.length);
  return bytes;
}

const vendorId: Payload = { type: 'V', data: bytesOf('aabb') };

describe('a chain of payloads (RFC 7296 §3.2)', () => {
  it('follows the Next Payload fields', () => {
    expect(decodeMessage(messageOf(43, '29 00 0006 aabb  00 00 0008 00 00 4004'))).toMatchObject({
      ok: true,
      value: { payloads: [vendorId, { type: 'N', notify: 16388 }] },
    });
  });

  it('ignores the reserved bits beside the critical bit', () => {
    const result = decodePayloads(43, bytesOf('00 7f 0006 aabb'));
    expect(result).toEqual({ ok: true, value: [vendorId] });
  });

  it('keeps an unknown payload and reports its critical bit (RFC 7296 §2.5)', () => {
    const chain = bytesOf('c8 00 0005 01  2b 80 0005 02  00 80 0006 aabb');
    const result = decodePayloads(200, chain);
    expect(result).toEqual({
      ok: true,
      value: [
        { type: 'unknown', payloadType: 200, data: Uint8Array.of(1) },
        { type: 'unknown', payloadType: 200, data: Uint8Array.of(2), critical: true },
        { ...vendorId, critical: true },
      ],
    });
    expect(result.ok && encodePayloads(result.value).bytes).toEqual(chain);
  });

  it('names an unknown critical payload, and never a known one (RFC 7296 §3.2)', () => {
    const unknown: Payload = { type: 'unknown', payloadType: 201, data: new Uint8Array(0) };
    const critical = { critical: true };
    expect(unsupportedCriticalPayload([unknown, { ...vendorId, ...critical }])).toBeUndefined();
    expect(unsupportedCriticalPayload([vendorId, { ...unknown, ...critical }])).toBe(201);
  });

  it.each([
    ['shorter than its own header', '00 00 0003'],
    ['of length zero, which would never end', '2b 00 0000'],
    ['longer than the message', '00 00 0005'],
    ['cut inside its header', '00 00 00'],
    ['that is announced but missing', ''],
  ])('is refused with a payload %s', (_, chain) => {
    expect(decodeMessage(messageOf(43, chain))).toMatchObject({
      ok: false,
      error: { code: 'bad-payload-length', payloadType: 43, header: { exchangeType: 34 } },
    });
  });

  it('is refused with bytes after the last payload', () => {
    expect(decodePayloads(43, bytesOf('00 00 0006 aabb 00'))).toMatchObject({
      error: { code: 'length-mismatch' },
    });
    expect(decodeMessage(messageOf(0, '00'))).toMatchObject({ error: { code: 'length-mismatch' } });
  });

  it('is refused above the largest number of payloads', () => {
    const many = (count: number): Payload[] => Array.from({ length: count }, () => vendorId);
    const most = encodePayloads(many(MAX_PAYLOADS));
    expect(decodePayloads(most.firstPayload, most.bytes).ok).toBe(true);
    const more = encodePayloads(many(MAX_PAYLOADS + 1));
    expect(decodePayloads(more.firstPayload, more.bytes)).toMatchObject({
      error: { code: 'too-many-payloads' },
    });
  });
});

describe('an encrypted payload (RFC 7296 §3.14)', () => {
  it('must be the last one', () => {
    for (const type of [PayloadType.SK, PayloadType.SKF]) {
      expect(decodeMessage(messageOf(type, '2b 00 0008 00010001  00 00 0004'))).toMatchObject({
        error: { code: 'payload-after-encrypted', payloadType: type },
      });
    }
  });

  it('keeps in firstPayload what its Next Payload field says', () => {
    expect(decodeMessage(messageOf(46, '23 00 0006 aabb'))).toMatchObject({
      value: { payloads: [{ type: 'SK', firstPayload: 35, body: bytesOf('aabb') }] },
    });
  });

  it('may follow unprotected payloads (RFC 7383 §2.5.3)', () => {
    const message = messageOf(43, '35 00 0006 aabb  23 00 000a 0001 0002 0102');
    const result = decodeMessage(message);
    expect(result).toMatchObject({
      value: {
        payloads: [vendorId, { type: 'SKF', fragmentNumber: 1, totalFragments: 2 }],
      },
    });
    expect(result.ok && encodeMessage(result.value)).toEqual(message);
  });

  it('must not be inside another', () => {
    for (const type of [PayloadType.SK, PayloadType.SKF]) {
      expect(decodePayloads(type, bytesOf('00 00 0008 00010001'))).toMatchObject({
        error: { code: 'malformed-payload', payloadType: type },
      });
    }
  });

  it.each(['0000 0001', '0002 0001', '0001 0000', '0001 00', ''])(
    'is refused as fragment with the fields "%s" (RFC 7383 §2.6)',
    (fields) => {
      const length = (4 + bytesOf(fields).length).toString(16).padStart(4, '0');
      expect(decodeMessage(messageOf(53, `00 00 ${length} ${fields}`))).toMatchObject({
        error: { code: 'malformed-payload', payloadType: 53 },
      });
    },
  );

  it('cannot be encoded before another payload or inside SK', () => {
    const encrypted: Payload = { type: 'SK', firstPayload: 0, body: new Uint8Array(40) };
    const decoded = decodeMessage(messageOf(46, '23 00 0006 aabb'));
    if (!decoded.ok) throw new Error(decoded.error.detail);
    const message = { header: decoded.value.header, payloads: [encrypted, vendorId] };
    expect(() => encodeMessage(message)).toThrow(ApiMisuseError);
    expect(() => encodePayloads([vendorId, encrypted])).toThrow(ApiMisuseError);
  });
});

describe('a payload that cannot be on the wire', () => {
  it.each<[string, Payload]>([
    ['above 65535 bytes', { type: 'V', data: new Uint8Array(65532) }],
    ['of a known type as unknown', { type: 'unknown', payloadType: 33, data: new Uint8Array(4) }],
    ['of type 0', { type: 'unknown', payloadType: 0, data: new Uint8Array(0) }],
    ['with a nonce below 16 bytes', { type: 'Nonce', data: new Uint8Array(15) }],
    ['without proposal', { type: 'SA', proposals: [] }],
    ['without selector', { type: 'TSi', selectors: [] }],
    ['with an SPI for the IKE SA', { type: 'D', protocol: 1, spis: [new Uint8Array(8)] }],
    ['with mixed SPIs', { type: 'D', protocol: 3, spis: [new Uint8Array(4), new Uint8Array(8)] }],
    ['with an IPv6 address as IPv4', { type: 'IDi', idType: 1, data: new Uint8Array(16) }],
    ['with another EAP length', { type: 'EAP', data: bytesOf('01 00 0005') }],
    [
      'with fragment 3 of 2',
      {
        type: 'SKF',
        firstPayload: 0,
        fragmentNumber: 3,
        totalFragments: 2,
        body: new Uint8Array(9),
      },
    ],
  ])('%s is the caller’s mistake', (_, payload) => {
    const base = decodeMessage(messageOf(0, ''));
    if (!base.ok) throw new Error(base.error.detail);
    const message = { header: base.value.header, payloads: [payload] };
    expect(() => encodeMessage(message)).toThrow(ApiMisuseError);
  });
});
