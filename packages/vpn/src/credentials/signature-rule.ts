import type { PublicKeyInfo, SignatureAlgorithm } from '@ipsec-kit/crypto';

/** What an `auth` setting says beyond `pubkey`: which keys and algorithms are good enough. Empty: all that are good at all. */
export interface SignatureRule {
  readonly keyKind?: PublicKeyInfo['kind'];
  readonly padding?: 'pss' | 'pkcs1';
  readonly minimumBits?: number;
  /** `sha256`, ...; empty: any but SHA-1. */
  readonly hashes: readonly string[];
}

/** How a side proves who it is, as a configuration says. */
export type AuthMethodSetting =
  | { readonly kind: 'psk' }
  | { readonly kind: 'signature'; readonly rule: SignatureRule };

const KEYS: Readonly<Record<string, Pick<SignatureRule, 'keyKind' | 'padding'>>> = {
  pubkey: {},
  rsa: { keyKind: 'rsa' },
  'rsa/pss': { keyKind: 'rsa', padding: 'pss' },
  'rsa/pkcs1': { keyKind: 'rsa', padding: 'pkcs1' },
  ecdsa: { keyKind: 'ecdsa' },
  ed25519: { keyKind: 'ed25519' },
  ed448: { keyKind: 'ed448' },
};
const HASHES = ['sha1', 'sha256', 'sha384', 'sha512'];

/** Reads an `auth` setting as swanctl.conf has it: `psk`, `pubkey`, `rsa-3072`, `ecdsa-256-sha384`, `rsa/pss-sha256`, with or without
 * `ike:` in front. @returns `undefined` for everything else.
 */
export function parseAuthMethod(text: string): AuthMethodSetting | undefined {
  if (text === 'psk') return { kind: 'psk' };
  const [name = '', ...rest] = text.trim().toLowerCase().replace(/^ike:/, '').split('-');
  const key = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined;
  const sizes = rest.filter((word) => /^\d{3,5}$/.test(word)).map(Number);
  const hashes = rest.filter((word) => HASHES.includes(word));
  if (!key || sizes.length > 1 || sizes.length + hashes.length !== rest.length) return undefined;
  const [minimumBits] = sizes;
  const rule = { ...key, hashes, ...(minimumBits === undefined ? {} : { minimumBits }) };
  return { kind: 'signature', rule };
}

/** Whether a key and an algorithm are what a rule wants. */
export function allowsSignature(
  rule: SignatureRule,
  key: PublicKeyInfo,
  algorithm: SignatureAlgorithm,
): boolean {
  const { keyKind, padding, minimumBits, hashes } = rule;
  if (keyKind !== undefined && key.kind !== keyKind) return false;
  if (padding !== undefined && algorithm.kind !== `rsa-${padding}`) return false;
  if (minimumBits !== undefined && key.bits < minimumBits) return false;
  return hashes.length === 0 || !('hash' in algorithm) || hashes.includes(algorithm.hash);
}
