import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { KeyMaterial, type SigningKey } from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';

/** Kinds of keys that `--key` takes. */
export const KEY_KINDS = ['ecdsa', 'ecdsa384', 'ed25519', 'rsa', 'rsa4096'] as const;

/** A kind of key. */
export type KeyKind = (typeof KEY_KINDS)[number];

/** A private key, and what signs with it. */
export interface KeyPair {
  /** PrivateKeyInfo in DER. */
  readonly pkcs8: KeyMaterial;
  readonly signer: SigningKey;
}

/** Draws a key: ECDSA on P-256 or P-384, Ed25519, or RSA of 3072 or 4096 bits. */
export function generateKey(kind: KeyKind): KeyPair {
  const pkcs8 = new KeyMaterial(Uint8Array.from(drawn(kind)));
  const imported = createNodeSignatures().importPrivateKey(pkcs8);
  if (!imported.ok) throw new Error(`a new key of kind ${kind} was not read: ${imported.code}`);
  return { pkcs8, signer: imported.key };
}

/** What a key is, for people: `ECDSA P-256`. */
export function keyText({ info }: Pick<SigningKey, 'info'>): string {
  if (info.kind === 'rsa') return `RSA ${info.bits}`;
  return info.kind === 'ecdsa'
    ? `ECDSA ${info.curve}`
    : info.kind === 'ed25519'
      ? 'Ed25519'
      : 'Ed448';
}

function drawn(kind: KeyKind): Buffer {
  return pairOf(kind).privateKey.export({ format: 'der', type: 'pkcs8' });
}

function pairOf(kind: KeyKind): { readonly privateKey: KeyObject } {
  switch (kind) {
    case 'ecdsa':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'ecdsa384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 3072 });
    case 'rsa4096':
      return generateKeyPairSync('rsa', { modulusLength: 4096 });
  }
}
