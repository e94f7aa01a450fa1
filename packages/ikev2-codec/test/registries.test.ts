import { describe, expect, it } from 'vitest';
import * as codec from '../src/index.ts';

const registries = [
  [codec.AuthMethod, codec.authMethodName],
  [codec.CertEncoding, codec.certEncodingName],
  [codec.ConfigAttributeType, codec.configAttributeTypeName],
  [codec.ConfigType, codec.configTypeName],
  [codec.ExchangeType, codec.exchangeTypeName],
  [codec.HashAlgorithm, codec.hashAlgorithmName],
  [codec.IdType, codec.idTypeName],
  [codec.KeyExchangeMethod, codec.keyExchangeMethodName],
  [codec.NotifyType, codec.notifyTypeName],
  [codec.PayloadType, codec.payloadTypeName],
  [codec.ProtocolId, codec.protocolIdName],
  [codec.TsType, codec.tsTypeName],
] as const;

describe('registries', () => {
  it('name every number that they have, and each number once', () => {
    for (const [registry, name] of registries) {
      for (const [key, value] of Object.entries(registry)) expect(name(value)).toBe(key);
    }
  });

  it('print a number that they do not have', () => {
    for (const [, name] of registries) expect(name(60_000)).toBe('unknown(60000)');
    expect(codec.transformIdName(4, 1042)).toBe('unknown(1042)');
    expect(codec.transformIdName(99, 1)).toBe('unknown(1)');
    expect(codec.transformTypeName(99)).toBe('unknown(99)');
  });

  it('name a transform by its type (RFC 7296 §3.3.2)', () => {
    expect([1, 2, 3, 4, 5].map((type) => codec.transformIdName(type, 1))).toEqual([
      'ENCR_DES_IV64',
      'PRF_HMAC_MD5',
      'AUTH_HMAC_MD5_96',
      'MODP_768',
      'PARTIALLY_TRANSMITTED_64',
    ]);
    expect(codec.transformTypeName(5)).toBe('SN');
  });

  it('name additional key exchanges like the first (RFC 9370 §2.2.1)', () => {
    for (const type of [4, 6, 12]) expect(codec.transformIdName(type, 36)).toBe('ML_KEM_768');
  });
});
