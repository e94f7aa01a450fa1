import type { FieldReader } from './field-reader.ts';

/** Ciphers as Apple names them, in strongSwan's keywords; the last two columns: whether it is an AEAD. */
const CIPHERS: readonly {
  readonly apple: string;
  readonly keyword: string;
  readonly isAead: boolean;
}[] = [
  { apple: 'AES-256-GCM', keyword: 'aes256gcm16', isAead: true },
  { apple: 'AES-128-GCM', keyword: 'aes128gcm16', isAead: true },
  { apple: 'ChaCha20Poly1305', keyword: 'chacha20poly1305', isAead: true },
  { apple: 'AES-256', keyword: 'aes256', isAead: false },
  { apple: 'AES-128', keyword: 'aes128', isAead: false },
];
const INTEGRITY: Readonly<Record<string, string>> = {
  'SHA1-96': 'sha1',
  'SHA1-160': 'sha1',
  'SHA2-256': 'sha256',
  'SHA2-384': 'sha384',
  'SHA2-512': 'sha512',
};
const GROUPS: Readonly<Record<string, number>> = {
  modp2048: 14,
  modp3072: 15,
  modp4096: 16,
  modp6144: 17,
  modp8192: 18,
  ecp256: 19,
  ecp384: 20,
  ecp521: 21,
  x25519: 31,
  x448: 32,
};
/** What the proposals `default` begin with. */
const DEFAULT_IKE = 'aes256gcm16-prfsha256-x25519';
const DEFAULT_ESP = 'aes256gcm16';

/** A proposal in strongSwan's keywords of the parameters of an SA.
 * @returns `unknown` when an algorithm is not known, or too weak to be taken over (3DES, groups below 14).
 */
export function proposalFromApple(fields: FieldReader, isIke: boolean): string | 'unknown' {
  const cipherName = fields.text('EncryptionAlgorithm') ?? 'AES-256';
  const cipher = CIPHERS.find(({ apple }) => apple === cipherName);
  const integrity = INTEGRITY[fields.text('IntegrityAlgorithm') ?? 'SHA2-256'];
  const number = fields.number('DiffieHellmanGroup', 0, 65_535) ?? 14;
  const group = Object.keys(GROUPS).find((keyword) => GROUPS[keyword] === number);
  if (cipher === undefined || integrity === undefined || group === undefined) return 'unknown';
  const hash = cipher.isAead ? (isIke ? [`prf${integrity}`] : []) : [integrity];
  // The first Child SA has no key exchange of its own; a group is for its successors.
  return [cipher.keyword, ...hash, group].join('-');
}

/** Parameters of the IKE SA: of the first proposal, or ours when none is given. */
export function ikeOf(proposals: readonly string[]): Record<string, string | number> | undefined {
  return parametersOf(proposals[0] ?? DEFAULT_IKE, DEFAULT_IKE);
}

/** Parameters of Child SAs. */
export function espOf(proposals: readonly string[]): Record<string, string | number> | undefined {
  return parametersOf(proposals[0] ?? DEFAULT_ESP, DEFAULT_ESP);
}

function parametersOf(
  proposal: string,
  fallback: string,
): Record<string, string | number> | undefined {
  const text = proposal.trim().toLowerCase();
  const keywords = (text === 'default' ? fallback : text).split('-');
  const cipher = CIPHERS.find(({ keyword }) => keywords.includes(keyword));
  if (cipher === undefined) return undefined;
  const hash = Object.keys(INTEGRITY).find((apple) =>
    keywords.some((keyword) => keyword.replace(/^prf/, '') === INTEGRITY[apple]),
  );
  const group = keywords
    .map((keyword) => GROUPS[keyword === 'curve25519' ? 'x25519' : keyword])
    .find((number) => number !== undefined);
  return {
    EncryptionAlgorithm: cipher.apple,
    IntegrityAlgorithm: hash ?? 'SHA2-256',
    DiffieHellmanGroup: group ?? 31,
  };
}
