import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { addresses } from './lab/lab.ts';
import { plugins } from './lab/strongswan.ts';
import { type Ours, withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'every algorithm with strongSwan in both roles',
);

/** Ciphers, MACs and PRFs of IKE beside a group, and the same of ESP. What strongSwan and ours call the suite of IKE. */
const algorithms: readonly (readonly [ike: string, esp: string, suite: string])[] = [
  [
    'aes128-sha256-modp2048',
    'aes128-sha256',
    'AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048',
  ],
  [
    'aes192-sha384-modp3072',
    'aes192-sha384',
    'AES_CBC_192/HMAC_SHA2_384_192/PRF_HMAC_SHA2_384/MODP_3072',
  ],
  [
    'aes256-sha512-modp4096',
    'aes256-sha512',
    'AES_CBC_256/HMAC_SHA2_512_256/PRF_HMAC_SHA2_512/MODP_4096',
  ],
  [
    'aes128-aesxcbc-modp6144',
    'aes128-aesxcbc',
    'AES_CBC_128/AES_XCBC_96/PRF_AES128_XCBC/MODP_6144',
  ],
  [
    'aes192-aescmac-modp8192',
    'aes192-aescmac',
    'AES_CBC_192/AES_CMAC_96/PRF_AES128_CMAC/MODP_8192',
  ],
  [
    'aes128ctr-sha256-ecp256',
    'aes128ctr-sha256',
    'AES_CTR_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/ECP_256',
  ],
  [
    'aes192ctr-aesxcbc-prfsha256-ecp384',
    'aes192ctr-aesxcbc',
    'AES_CTR_192/AES_XCBC_96/PRF_HMAC_SHA2_256/ECP_384',
  ],
  [
    'aes256ctr-aescmac-prfsha512-ecp521',
    'aes256ctr-aescmac',
    'AES_CTR_256/AES_CMAC_96/PRF_HMAC_SHA2_512/ECP_521',
  ],
  ['aes128ccm8-prfaesxcbc-x25519', 'aes128ccm8', 'AES_CCM_8_128/PRF_AES128_XCBC/CURVE_25519'],
  ['aes192ccm12-prfaescmac-x448', 'aes192ccm12', 'AES_CCM_12_192/PRF_AES128_CMAC/CURVE_448'],
  ['aes256ccm16-prfsha384-x448', 'aes256ccm', 'AES_CCM_16_256/PRF_HMAC_SHA2_384/CURVE_448'],
  ['aes128gcm8-prfsha256-x25519', 'aes128gcm8', 'AES_GCM_8_128/PRF_HMAC_SHA2_256/CURVE_25519'],
  ['aes192gcm12-prfsha384-ecp384', 'aes192gcm12', 'AES_GCM_12_192/PRF_HMAC_SHA2_384/ECP_384'],
  ['aes256gcm16-prfsha512-ecp521', 'aes256gcm16', 'AES_GCM_16_256/PRF_HMAC_SHA2_512/ECP_521'],
  [
    'chacha20poly1305-prfsha256-x25519',
    'chacha20poly1305',
    'CHACHA20_POLY1305/PRF_HMAC_SHA2_256/CURVE_25519',
  ],
];

const legacy: typeof algorithms = [
  ['3des-sha1-modp1024', '3des-sha1', '3DES_CBC/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024'],
  ['aes128gcm16-prfsha1-modp1024', 'aes256-sha1', 'AES_GCM_16_128/PRF_HMAC_SHA1/MODP_1024'],
  [
    'aes256ctr-sha1-prfsha256-modp2048',
    'aes128ctr-sha1',
    'AES_CTR_256/HMAC_SHA1_96/PRF_HMAC_SHA2_256/MODP_2048',
  ],
];

/** Two additional key exchanges are the most that is sensible, and ML-KEM has three sizes. */
const hybrids: readonly (readonly [ike: string, suite: string])[] = [
  ['aes256-sha256-x25519-ke1_mlkem512', 'CURVE_25519/KE1_ML_KEM_512'],
  ['aes256gcm16-prfsha384-ecp384-ke1_mlkem768', 'ECP_384/KE1_ML_KEM_768'],
  ['aes256-sha512-x448-ke1_mlkem1024-ke2_modp3072', 'CURVE_448/KE1_ML_KEM_1024/KE2_MODP_3072'],
];

const swanSettings = `load = ${plugins} ctr ccm xcbc cmac`;

/** Packets go both ways, and go on after a rekey of the Child SA with a key exchange of its own. */
async function carries(
  ours: Ours,
  ike: string,
  esp: string,
  suite: string,
  extra = '',
): Promise<void> {
  // Only ours has this key.
  const extras = ours === 'client' ? { clientExtra: extra } : { serverExtra: extra };
  await withTunnel(
    ours,
    { ike, esp, ...extras },
    async ({ lab, client, server }) => {
      const own = client ?? server;
      expect(own?.process.output).toContain(suite);
      await lab.left.ping(addresses.right.inner4);
      await lab.right.ping('10.88.0.1', { source: addresses.right.inner4 });
      await own?.ask({ action: 'rekey', child: 'net' });
      await lab.left.ping(addresses.right.inner4);
    },
    { swanSettings },
  );
}

describe.skipIf(gate.skip)(
  'every algorithm with strongSwan 5.9.8 (RFC 8247 §2, RFC 8221 §5)',
  () => {
    for (const ours of ['client', 'server'] as const) {
      it.each(algorithms)(`ours as ${ours}: IKE %s, ESP %s`, (ike, esp, suite) => {
        const group = ike.split('-').at(-1);
        return carries(ours, ike, `${esp}-${group}`, suite);
      });

      it.each(legacy)(`ours as ${ours}, with legacy = yes: IKE %s, ESP %s`, (ike, esp, suite) =>
        carries(ours, ike, esp, suite, 'legacy = yes'),
      );
    }
  },
);

describe.skipIf(gate.skip)('ML-KEM in all its sizes (RFC 9370 §2.2)', () => {
  it.each(hybrids)('ours with ours: IKE %s', (ike, suite) => {
    const exchanges = ike.slice(ike.indexOf('-ke1_'));
    return carries('both', ike, `aes256gcm16-x25519${exchanges}`, suite);
  });
});
