import { createDecipheriv, createHmac } from 'node:crypto';
import { createSeededRandom, Encr, Integ, KeyMaterial } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createOutboundSa, sealPacket } from '@ipsec-kit/esp';
import { describe, expect, it } from 'vitest';

// The packets are taken apart with OpenSSL alone, by the text of the RFCs.
const inner = Uint8Array.from({ length: 61 }, (_, i) => i);
const key = (bytes: number, from: number) => Uint8Array.from({ length: bytes }, (_, i) => from + i);
const spi = 0xdeadbeef;

function sealed(encryption: number, integrity: number, keys: { e: Uint8Array; i: Uint8Array }) {
  const cipher = createNobleProvider().createCipher(
    { encryption, keyBits: 128, integrity },
    { encryption: new KeyMaterial(keys.e.slice()), integrity: new KeyMaterial(keys.i.slice()) },
  );
  const sa = createOutboundSa({ spi, cipher, random: createSeededRandom(1) });
  const packet = sealPacket(sa, inner, 41);
  if (typeof packet === 'string') throw new Error(packet);
  return packet;
}

describe('the wire format', () => {
  it('of AES-GCM has SPI and number as AAD, and salt and IV as nonce (RFC 4106 §4, §5)', () => {
    const keymat = key(20, 1);
    const packet = sealed(Encr.ENCR_AES_GCM_16, Integ.NONE, { e: keymat, i: new Uint8Array(0) });
    expect([...packet.subarray(0, 8)]).toEqual([0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 1]);
    const nonce = Uint8Array.of(...keymat.subarray(16), ...packet.subarray(8, 16));
    const decipher = createDecipheriv('aes-128-gcm', keymat.subarray(0, 16), nonce);
    decipher.setAAD(packet.subarray(0, 8));
    decipher.setAuthTag(packet.subarray(-16));
    const text = Buffer.concat([decipher.update(packet.subarray(16, -16)), decipher.final()]);
    expect([...text]).toEqual([...inner, 1, 1, 41]);
  });

  it('of AES-CBC with HMAC has the ICV over everything in front of it (RFC 3602 §3, RFC 4303 §3.3.2)', () => {
    const keys = { e: key(16, 1), i: key(32, 99) };
    const packet = sealed(Encr.ENCR_AES_CBC, Integ.AUTH_HMAC_SHA2_256_128, keys);
    const icv = createHmac('sha256', keys.i).update(packet.subarray(0, -16)).digest();
    expect([...packet.subarray(-16)]).toEqual([...icv.subarray(0, 16)]);
    const decipher = createDecipheriv('aes-128-cbc', keys.e, packet.subarray(8, 24));
    decipher.setAutoPadding(false);
    const text = Buffer.concat([decipher.update(packet.subarray(24, -16)), decipher.final()]);
    expect([...text]).toEqual([...inner, 1, 1, 41]);
  });
});
