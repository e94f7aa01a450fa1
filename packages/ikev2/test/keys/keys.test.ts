import { createHmac } from 'node:crypto';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { describe, expect, it } from 'vitest';
import { LINGER_MS } from '../../src/index.ts';
import { deriveChildKeys } from '../../src/keys/child-keys.ts';
import { deriveIkeKeys, eraseIkeKeys } from '../../src/keys/ike-keys.ts';
import { ikeSuiteOf } from '../../src/keys/ike-suite.ts';
import { ikeProposal, Pair } from '../pair.ts';

const provider = createNodeProvider();
const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Buffer => {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
};
/** prf+ written down once more, straight from the formula. */
function stream(key: Uint8Array, seed: Uint8Array, bytes: number): Buffer {
  let block: Uint8Array = Buffer.alloc(0);
  let all = Buffer.alloc(0);
  for (let n = 1; all.length < bytes; n += 1) {
    block = hmac(key, block, seed, Uint8Array.of(n));
    all = Buffer.concat([all, block]);
  }
  return all.subarray(0, bytes);
}

const ni = new Uint8Array(32).fill(1);
const nr = new Uint8Array(24).fill(2);

describe('keys of an IKE SA (RFC 7296 §2.14)', () => {
  const suite = ikeSuiteOf(provider, ikeProposal().transforms);
  if (!suite) throw new Error('no suite');
  const secret = new Uint8Array(32).fill(9);
  const sharedSecret = new KeyMaterial(secret.slice());
  const keys = deriveIkeKeys(provider, suite, {
    sharedSecret,
    initiatorNonce: ni,
    responderNonce: nr,
    initiatorSpi: 0x0102030405060708n,
    responderSpi: 0x1112131415161718n,
  });

  it('are the formula’s, in its order', () => {
    const seed = hmac(Buffer.concat([ni, nr]), secret);
    const spis = Buffer.from('01020304050607081112131415161718', 'hex');
    const all = stream(seed, Buffer.concat([ni, nr, spis]), 7 * 32);
    const names = ['skD', 'skAi', 'skAr', 'skEi', 'skEr', 'skPi', 'skPr'] as const;
    for (const [index, name] of names.entries()) {
      expect(Buffer.from(keys[name].reveal())).toEqual(all.subarray(index * 32, index * 32 + 32));
    }
  });

  it('leave no shared secret behind, and can be erased', () => {
    expect(sharedSecret.reveal().every((byte) => byte === 0)).toBe(true);
    eraseIkeKeys(keys);
    expect(keys.skD.reveal().every((byte) => byte === 0)).toBe(true);
  });

  it('are erased when the session ends', () => {
    const pair = new Pair().open();
    const [keyed] = pair.client.seen('ike-sa-keyed');
    expect(keyed?.keys.skEi.reveal().some((byte) => byte !== 0)).toBe(true);
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.drive(1_000);
    expect(keyed?.keys.skEi.reveal().every((byte) => byte === 0)).toBe(true);
    pair.drive(LINGER_MS);
    const [other] = pair.server.seen('ike-sa-keyed');
    expect(other?.keys.skAr.reveal().every((byte) => byte === 0)).toBe(true);
  });
});

describe('keys of a Child SA (RFC 7296 §2.17)', () => {
  it('are the initiator’s direction first, encryption before integrity', () => {
    const suite = { encryption: 12, keyBits: 128, integrity: 12 };
    const shape = provider.cipherShape(suite);
    if (!shape) throw new Error('no shape');
    const skD = new KeyMaterial(new Uint8Array(32).fill(5));
    const keys = deriveChildKeys(provider, 5, skD, { initiator: ni, responder: nr }, shape);
    const all = stream(skD.reveal(), Buffer.concat([ni, nr]), 2 * (16 + 32));
    const { fromInitiator, fromResponder } = keys;
    const parts = [
      fromInitiator.encryption,
      fromInitiator.integrity,
      fromResponder.encryption,
      fromResponder.integrity,
    ];
    expect(Buffer.concat(parts.map((key) => key.reveal()))).toEqual(all);
  });
});
