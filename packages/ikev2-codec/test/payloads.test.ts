import { describe, expect, it } from 'vitest';
import {
  decodePayloads,
  encodePayloads,
  idPayloadBody,
  type Payload,
  PayloadType,
} from '../src/index.ts';
import { bytesOf } from './captures/captured-message.ts';

/** Decodes one payload from the digits of its body. */
function decodeBody(payloadType: number, hex: string): Payload | string {
  const body = bytesOf(hex);
  const length = 4 + body.length;
  const result = decodePayloads(
    payloadType,
    Uint8Array.of(0, 0, length >> 8, length & 0xff, ...body),
  );
  if (!result.ok) return result.error.code;
  return result.value[0] ?? 'nothing';
}

function encodeBody(payload: Payload): Uint8Array {
  return encodePayloads([payload]).bytes.subarray(4);
}

const REFUSED = 'malformed-payload';
const nonce15 = '00'.repeat(15);

describe('the Security Association payload (RFC 7296 §3.3)', () => {
  const transform = '00 00 000c 01 00 000c 800e 0100';
  const proposal = `00 00 0014 01 01 00 01 ${transform}`;

  it('is decoded with the key length', () => {
    expect(decodeBody(PayloadType.SA, proposal)).toEqual({
      type: 'SA',
      proposals: [
        {
          number: 1,
          protocol: 1,
          spi: new Uint8Array(0),
          transforms: [{ type: 1, id: 12, keyBits: 256 }],
        },
      ],
    });
  });

  it('ignores the reserved bytes', () => {
    const reserved = '00 ff 0014 01 01 00 01 00 ff 000c 01 ff 000c 800e 0100';
    expect(decodeBody(PayloadType.SA, reserved)).toEqual(decodeBody(PayloadType.SA, proposal));
  });

  it('keeps unknown attributes, also before a key length, and encodes them as they were (RFC 7296 §3.3.5)', () => {
    const attributes = '0012 0003 aabbcc 800e 0080 800e 0100';
    const hex = `00 00 001f 01 01 00 01 00 00 0017 01 00 000c ${attributes}`;
    const payload = decodeBody(PayloadType.SA, hex);
    expect(payload).toMatchObject({
      proposals: [
        {
          transforms: [
            {
              unknownAttributes: [
                bytesOf('00120003aabbcc'),
                bytesOf('800e0080'),
                bytesOf('800e0100'),
              ],
            },
          ],
        },
      ],
    });
    expect(typeof payload === 'string' ? payload : encodeBody(payload)).toEqual(bytesOf(hex));
  });

  it.each([
    ['no proposal', ''],
    ['a proposal of length zero', '00 00 0000 01 01 00 00'],
    [
      'a proposal longer than the payload',
      '00 00 0015 01 01 00 01 00 00 000c 01 00 000c 800e 0100',
    ],
    ['no transform', '00 00 0008 01 01 00 00'],
    ['fewer transforms than it says', `00 00 0014 01 01 00 02 03 00 000c 01 00 000c 800e 0100`],
    ['more transforms than it says', `00 00 001c 01 01 00 01 ${transform} 00 00 0008 02 00 0005`],
    ['a transform that is shorter than its header', '00 00 0010 01 01 00 01 00 00 0007 01 00 000c'],
    [
      'an attribute that goes beyond its transform',
      '00 00 0014 01 01 00 01 00 00 000c 01 00 000c 000e 0001',
    ],
    ['"more" at the last proposal', `02 00 0014 01 01 00 01 ${transform}`],
    ['"last" before another proposal', `${proposal} ${proposal}`],
    ['"more" at the last transform', '00 00 0014 01 01 00 01 03 00 000c 01 00 000c 800e 0100'],
    ['an SPI of 4 bytes for IKE', `00 00 0018 01 01 04 01 01020304 ${transform}`],
    ['no SPI for ESP', `00 00 0014 01 03 00 01 ${transform}`],
    ['an SPI longer than the proposal', `00 00 0014 01 c8 ff 01 ${transform}`],
  ])('is refused with %s', (_, hex) => {
    expect(decodeBody(PayloadType.SA, hex)).toBe(REFUSED);
  });

  it('is refused with more than 64 proposals', () => {
    const more = `02${proposal.slice(2)}`;
    expect(decodeBody(PayloadType.SA, more.repeat(63) + proposal)).toMatchObject({ type: 'SA' });
    expect(decodeBody(PayloadType.SA, more.repeat(64) + proposal)).toBe(REFUSED);
  });
});

describe('the Identification payload (RFC 7296 §3.5)', () => {
  it.each([
    ['ID_IPV4_ADDR of 3 bytes', '01 000000 0a0000'],
    ['ID_IPV4_ADDR of 16 bytes', `01 000000 ${'00'.repeat(16)}`],
    ['ID_IPV6_ADDR of 4 bytes', '05 000000 0a000001'],
    ['no room for its fixed fields', '02 0000'],
  ])('is refused with %s', (_, hex) => {
    expect(decodeBody(PayloadType.IDi, hex)).toBe(REFUSED);
    expect(decodeBody(PayloadType.IDr, hex)).toBe(REFUSED);
  });

  it('gives AUTH its body with the reserved bytes that were received (RFC 7296 §2.15)', () => {
    const hex = '02 0a0b0c 61';
    const payload = decodeBody(PayloadType.IDi, hex);
    if (typeof payload === 'string' || payload.type !== 'IDi') throw new Error('not an IDi');
    expect(payload.reserved).toBe(0x0a0b0c);
    expect(idPayloadBody(payload)).toEqual(bytesOf(hex));
    expect(idPayloadBody({ type: 'IDr', idType: 2, data: bytesOf('61') })).toEqual(
      bytesOf('02 000000 61'),
    );
  });
});

describe('short payloads (RFC 7296 §3.4, §3.5, §3.6, §3.7, §3.8, §3.9)', () => {
  it.each([
    ['KE', PayloadType.KE, '001f 00'],
    ['CERT', PayloadType.CERT, ''],
    ['CERTREQ', PayloadType.CERTREQ, ''],
    ['AUTH', PayloadType.AUTH, '02 0000'],
    ['Nonce', PayloadType.Nonce, nonce15],
    ['N', PayloadType.N, '00 00 40'],
    ['D', PayloadType.D, '03 04 00'],
    ['TSi', PayloadType.TSi, '01 0000'],
    ['CP', PayloadType.CP, '01 0000'],
    ['EAP', PayloadType.EAP, '03 01 00'],
  ])('%s is refused when its fixed fields do not fit', (_, payloadType, hex) => {
    expect(decodeBody(payloadType, hex)).toBe(REFUSED);
  });

  it('ignores the reserved bytes of KE (RFC 7296 §3.4)', () => {
    expect(decodeBody(PayloadType.KE, '001f ffff aabb')).toEqual({
      type: 'KE',
      method: 31,
      data: bytesOf('aabb'),
    });
  });

  it('ignores the reserved bytes of AUTH (RFC 7296 §3.8)', () => {
    expect(decodeBody(PayloadType.AUTH, '02 ffffff aabb')).toEqual({
      type: 'AUTH',
      method: 2,
      data: bytesOf('aabb'),
    });
  });

  it('takes a nonce of 16 to 256 bytes (RFC 7296 §3.9)', () => {
    expect(decodeBody(PayloadType.Nonce, '00'.repeat(16))).toMatchObject({ type: 'Nonce' });
    expect(decodeBody(PayloadType.Nonce, '00'.repeat(256))).toMatchObject({ type: 'Nonce' });
    expect(decodeBody(PayloadType.Nonce, '00'.repeat(257))).toBe(REFUSED);
  });

  it('takes an EAP message of the length that it says (RFC 7296 §3.16)', () => {
    expect(decodeBody(PayloadType.EAP, '03 01 0004')).toMatchObject({ type: 'EAP' });
    expect(decodeBody(PayloadType.EAP, '03 01 0004 00')).toBe(REFUSED);
  });
});

describe('the Notify payload (RFC 7296 §3.10)', () => {
  it('has its SPI before its data', () => {
    expect(decodeBody(PayloadType.N, '03 04 4009 01020304 aabb')).toEqual({
      type: 'N',
      protocol: 3,
      spi: bytesOf('01020304'),
      notify: 16393,
      data: bytesOf('aabb'),
    });
  });

  it('keeps a protocol id without SPI, which some peers send', () => {
    const payload = decodeBody(PayloadType.N, '01 00 4004');
    expect(payload).toMatchObject({ protocol: 1, notify: 16388 });
    expect(typeof payload === 'string' ? payload : encodeBody(payload)).toEqual(
      bytesOf('01 00 4004'),
    );
  });

  it('is refused when its SPI does not fit', () => {
    expect(decodeBody(PayloadType.N, '03 04 4009 010203')).toBe(REFUSED);
  });
});

describe('the Delete payload (RFC 7296 §3.11)', () => {
  it('lists SPIs of one size', () => {
    expect(decodeBody(PayloadType.D, '03 04 0002 01020304 05060708')).toEqual({
      type: 'D',
      protocol: 3,
      spis: [bytesOf('01020304'), bytesOf('05060708')],
    });
    expect(decodeBody(PayloadType.D, '01 00 0000')).toEqual({ type: 'D', protocol: 1, spis: [] });
  });

  it.each([
    ['an SPI for the IKE SA', '01 08 0001 0102030405060708'],
    ['an SPI of 8 bytes for ESP', '03 08 0001 0102030405060708'],
    ['fewer SPIs than it says', '03 04 0002 01020304'],
    ['more SPIs than it says', '03 04 0001 01020304 05060708'],
    ['65535 SPIs of no size', '01 00 ffff'],
    ['more SPIs than the limit', `03 04 0401 ${'00000000'.repeat(1025)}`],
  ])('is refused with %s', (_, hex) => {
    expect(decodeBody(PayloadType.D, hex)).toBe(REFUSED);
  });
});

describe('the Traffic Selector payload (RFC 7296 §3.13)', () => {
  const ipv4 = '07 11 0010 0064 00c8 c6336442 c6336443';

  it('reads the fields of an IPv4 range (RFC 7296 §3.13.1)', () => {
    expect(decodeBody(PayloadType.TSr, `01 ffffff ${ipv4}`)).toEqual({
      type: 'TSr',
      selectors: [
        {
          protocol: 17,
          startPort: 100,
          endPort: 200,
          start: { version: 4, bytes: Uint8Array.of(198, 51, 100, 66) },
          end: { version: 4, bytes: Uint8Array.of(198, 51, 100, 67) },
        },
      ],
    });
  });

  it('copies addresses, so that a selector outlives its datagram', () => {
    const { firstPayload, bytes } = {
      firstPayload: 44,
      bytes: bytesOf(`00 00 0018 01 000000 ${ipv4}`),
    };
    const result = decodePayloads(firstPayload, bytes);
    bytes.fill(0);
    expect(result).toMatchObject({
      value: [{ selectors: [{ start: { bytes: Uint8Array.of(198, 51, 100, 66) } }] }],
    });
  });

  it('keeps a selector of an unknown type raw', () => {
    expect(decodeBody(PayloadType.TSi, `02 000000 0a 00 0007 aabbcc ${ipv4}`)).toMatchObject({
      selectors: [{ tsType: 10, raw: bytesOf('0a000007aabbcc') }, { protocol: 17 }],
    });
  });

  it.each([
    ['no selector', '00 000000'],
    ['fewer selectors than it says', `02 000000 ${ipv4}`],
    ['more selectors than it says', `01 000000 ${ipv4} ${ipv4}`],
    ['IPv6 type with IPv4 length', `01 000000 08${ipv4.slice(2)}`],
    ['a selector of length zero', '01 000000 0a 00 0000'],
    ['a selector longer than the payload', '01 000000 0a 00 0009 aabbcc'],
  ])('is refused with %s', (_, hex) => {
    expect(decodeBody(PayloadType.TSi, hex)).toBe(REFUSED);
  });
});

describe('the Configuration payload (RFC 7296 §3.15)', () => {
  it('keeps attributes of any type and length, and ignores their reserved bit (RFC 7296 §3.15.1)', () => {
    expect(decodeBody(PayloadType.CP, '01 ffffff 8001 0000 7fff 0003 aabbcc')).toEqual({
      type: 'CP',
      configType: 1,
      attributes: [
        { type: 1, value: new Uint8Array(0) },
        { type: 0x7fff, value: bytesOf('aabbcc') },
      ],
    });
  });

  it.each([
    ['an attribute that goes beyond it', '01 000000 0001 0005 0a000001'],
    ['half an attribute header', '01 000000 0001'],
    ['more attributes than the limit', `01 000000 ${'00010000'.repeat(1025)}`],
  ])('is refused with %s', (_, hex) => {
    expect(decodeBody(PayloadType.CP, hex)).toBe(REFUSED);
  });
});
