import { Encr, Integ } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { innerMtuOfPath } from '@ipsec-kit/ipsec';
import { describe, expect, it } from 'vitest';
import { DEFAULT_OUTER_MTU, DEFAULT_TUN_MTU } from '../src/default-mtu.ts';

const suites = [
  { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE },
  { encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 256, integrity: Integ.NONE },
  { encryption: Encr.ENCR_AES_CBC, keyBits: 128, integrity: Integ.AUTH_HMAC_SHA2_256_128 },
  { encryption: Encr.ENCR_AES_CBC, keyBits: 256, integrity: Integ.AUTH_HMAC_SHA2_512_256 },
];

describe('the MTU of TUN devices', () => {
  it.each(suites)('fits into a link of Ethernet over IPv4 with %o', (suite) => {
    const shape = createNodeProvider().cipherShape(suite);
    if (!shape) throw new Error('the suite is missing');
    expect(innerMtuOfPath(shape, DEFAULT_OUTER_MTU, 4)).toBeGreaterThanOrEqual(DEFAULT_TUN_MTU);
  });
});
