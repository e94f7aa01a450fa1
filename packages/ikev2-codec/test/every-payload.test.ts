import type { IpAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  configAttribute,
  decodeMessage,
  encodeMessage,
  type IkeMessage,
  internalAddressAttribute,
  internalSubnetAttribute,
  invalidKeNotify,
  NotifyType,
  notify,
} from '../src/index.ts';
import { bytesOf } from './captures/captured-message.ts';

/** Bytes that tshark 4.0 reads as the message below, field by field and with nothing malformed. */
const bytes: Uint8Array = bytesOf(
  '0000000000000001000000000000000221202308000000010000022c22000054020000200103040201020304' +
    '0300000c01000014800e010000000008050000000000003002030404010203040300000c0100000c800e0080' +
    '030000080300000c030000080400001f000000080500000123000028001f0000000000000000000000000000' +
    '00000000000000000000000000000000000000002400000a0200000061622500001805000000fd0000000000' +
    '0000000000000000000026000007043000270000190400000000000000000000000000000000000000002800' +
    '0028020000000000000000000000000000000000000000000000000000000000000000000000290000240000' +
    '0000000000000000000000000000000000000000000000000000000000002900000c03044009090909092a00' +
    '000a00000011001f2b0000100304000201020304050607082c00000641422d00004002000000070600100050' +
    '00500a0000010a010002080000280000fffffd000000000000000000000000000000fd000000000000000000' +
    '0000000000002f00001801000000070000100000ffff0a0000010a0100023000003502000000000100040a00' +
    '000100080011fd00000000000000000000000000000040000d00080a000000ffff0000000e00003500000901' +
    '0700050123000044000100020000000000000000000000000000000000000000000000000000000000000000' +
    '00000000000000000000000000000000000000000000000000000000',
);

const ipv6: IpAddress = { version: 6, bytes: bytesOf(`fd${'00'.repeat(15)}`) };
const spi: Uint8Array = bytesOf('01020304');

function ipv4(third: number, fourth: number): IpAddress {
  return { version: 4, bytes: Uint8Array.of(10, third, 0, fourth) };
}

const message: IkeMessage = {
  header: {
    initiatorSpi: 1n,
    responderSpi: 2n,
    majorVersion: 2,
    minorVersion: 0,
    exchangeType: 35,
    isInitiator: true,
    isResponse: false,
    higherVersion: false,
    messageId: 1,
  },
  payloads: [
    {
      type: 'SA',
      proposals: [
        {
          number: 1,
          protocol: 3,
          spi,
          transforms: [
            { type: 1, id: 20, keyBits: 256 },
            { type: 5, id: 0 },
          ],
        },
        {
          number: 2,
          protocol: 3,
          spi,
          transforms: [
            { type: 1, id: 12, keyBits: 128 },
            { type: 3, id: 12 },
            { type: 4, id: 31 },
            { type: 5, id: 1 },
          ],
        },
      ],
    },
    { type: 'KE', method: 31, data: new Uint8Array(32) },
    { type: 'IDi', idType: 2, data: bytesOf('6162') },
    { type: 'IDr', idType: 5, data: ipv6.bytes },
    { type: 'CERT', encoding: 4, data: bytesOf('3000') },
    { type: 'CERTREQ', encoding: 4, data: new Uint8Array(20) },
    { type: 'AUTH', method: 2, data: new Uint8Array(32) },
    { type: 'Nonce', data: new Uint8Array(32) },
    notify(NotifyType.REKEY_SA, undefined, { protocol: 3, spi: bytesOf('09090909') }),
    invalidKeNotify(31),
    { type: 'D', protocol: 3, spis: [spi, bytesOf('05060708')] },
    { type: 'V', data: bytesOf('4142') },
    {
      type: 'TSi',
      selectors: [
        { protocol: 6, startPort: 80, endPort: 80, start: ipv4(0, 1), end: ipv4(1, 2) },
        { protocol: 0, startPort: 0, endPort: 65535, start: ipv6, end: ipv6 },
      ],
    },
    {
      type: 'TSr',
      selectors: [
        { protocol: 0, startPort: 0, endPort: 65535, start: ipv4(0, 1), end: ipv4(1, 2) },
      ],
    },
    {
      type: 'CP',
      configType: 2,
      attributes: [
        internalAddressAttribute(ipv4(0, 1)),
        internalAddressAttribute(ipv6, 64),
        internalSubnetAttribute({ address: ipv4(0, 0), length: 16 }),
        configAttribute(14),
      ],
    },
    { type: 'EAP', data: bytesOf('0107000501') },
    {
      type: 'SKF',
      firstPayload: 35,
      fragmentNumber: 1,
      totalFragments: 2,
      body: new Uint8Array(60),
    },
  ],
};

describe('a message with every payload (RFC 7296 §3, RFC 7383 §2.5)', () => {
  it('is encoded to the bytes that others read', () => {
    expect(encodeMessage(message)).toEqual(bytes);
  });

  it('is decoded from them', () => {
    expect(decodeMessage(bytes)).toEqual({ ok: true, value: message });
  });
});
