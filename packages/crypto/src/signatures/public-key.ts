import { DerTag, readDer, readDerValues, readWholeDer } from '../der.ts';

/** What is known of a public key from its bytes alone, without arithmetic. */
export type PublicKeyInfo =
  | {
      readonly kind: 'rsa';
      /** Length of the modulus. */
      readonly bits: number;
      /** The key is for RSASSA-PSS alone (id-RSASSA-PSS). @see RFC 4055 §1.2 */
      readonly pssOnly: boolean;
    }
  | {
      readonly kind: 'ecdsa';
      readonly curve: 'P-256' | 'P-384' | 'P-521';
      readonly bits: number;
      /** The uncompressed point: 04 | x | y. */
      readonly point: Uint8Array;
    }
  | { readonly kind: 'ed25519' | 'ed448'; readonly bits: number; readonly point: Uint8Array };

/** Why a SubjectPublicKeyInfo was refused. */
export type PublicKeyError = 'malformed' | 'unsupported' | 'out-of-bounds';

/** A public key, or why it was refused. */
export type PublicKeyResult =
  | { readonly ok: true; readonly key: PublicKeyInfo }
  | { readonly ok: false; readonly code: PublicKeyError };

/** Most bytes of a SubjectPublicKeyInfo: an RSA key of 16384 bits and its frame. */
export const MAX_PUBLIC_KEY_BYTES = 2_176;
const MIN_RSA_BITS = 1_024;
const MAX_RSA_BITS = 16_384;
/** A verification takes as many squarings as the public exponent has bits. */
const MAX_RSA_EXPONENT_BYTES = 8;

const OID = {
  RSA: '2a864886f70d010101',
  RSASSA_PSS: '2a864886f70d01010a',
  EC: '2a8648ce3d0201',
  ED25519: '2b6570',
  ED448: '2b6571',
} as const;

const CURVES: Readonly<Record<string, { curve: 'P-256' | 'P-384' | 'P-521'; bits: number }>> = {
  '2a8648ce3d030107': { curve: 'P-256', bits: 256 },
  '2b81040022': { curve: 'P-384', bits: 384 },
  '2b81040023': { curve: 'P-521', bits: 521 },
};

/** Reads a SubjectPublicKeyInfo in DER.
 * RSA keys have 1024 to 16384 bits, an odd modulus and an odd exponent of 3 to 2^64 - 1; points are uncompressed, of a named curve.
 * Whether a point lies on its curve is found out when the key is used.
 * @returns what kind of key it is; never throws.
 * @see RFC 5280 §4.1.2.7, RFC 3279 §2.3.1, RFC 5480 §2, RFC 8410 §4
 */
export function readPublicKey(spki: Uint8Array): PublicKeyResult {
  if (spki.length > MAX_PUBLIC_KEY_BYTES) return refused('out-of-bounds');
  const outer = readWholeDer(spki, DerTag.SEQUENCE);
  const [algorithm, bits] = (outer && readDerValues(outer.contents, 2)) ?? [];
  if (algorithm?.tag !== DerTag.SEQUENCE || bits?.tag !== DerTag.BIT_STRING) {
    return refused('malformed');
  }
  // The first byte of a BIT STRING counts unused bits: none here.
  if (bits.contents[0] !== 0) return refused('malformed');
  const oid = readDer(algorithm.contents, 0);
  if (oid?.tag !== DerTag.OBJECT_IDENTIFIER) return refused('malformed');
  const parameters = algorithm.contents.subarray(oid.end);
  const key = bits.contents.subarray(1);
  switch (hexOf(oid.contents)) {
    case OID.RSA:
      return readRsa(key, false);
    case OID.RSASSA_PSS:
      return readRsa(key, true);
    case OID.EC:
      return readEc(parameters, key);
    case OID.ED25519:
      return readEdwards('ed25519', 256, 32, parameters, key);
    case OID.ED448:
      return readEdwards('ed448', 456, 57, parameters, key);
    default:
      return refused('unsupported');
  }
}

function readRsa(key: Uint8Array, pssOnly: boolean): PublicKeyResult {
  const sequence = readWholeDer(key, DerTag.SEQUENCE);
  const [modulus, exponent] = (sequence && readDerValues(sequence.contents, 2)) ?? [];
  const n = modulus?.tag === DerTag.INTEGER ? positive(modulus.contents) : undefined;
  const e = exponent?.tag === DerTag.INTEGER ? positive(exponent.contents) : undefined;
  if (n === undefined || e === undefined) return refused('malformed');
  const bits = 8 * n.length - Math.clz32(n[0] ?? 0) + 24;
  const isExponentFit =
    e.length <= MAX_RSA_EXPONENT_BYTES && isOdd(e) && !(e.length === 1 && (e[0] ?? 0) < 3);
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS || !isOdd(n) || !isExponentFit) {
    return refused('out-of-bounds');
  }
  return { ok: true, key: { kind: 'rsa', bits, pssOnly } };
}

function readEc(parameters: Uint8Array, point: Uint8Array): PublicKeyResult {
  // RFC 5480 §2.1.1: curves are named, never spelled out; spelled out they are how CVE-2020-0601 worked.
  const named = readWholeDer(parameters, DerTag.OBJECT_IDENTIFIER);
  const known = named && CURVES[hexOf(named.contents)];
  if (known === undefined) return refused('unsupported');
  const fieldBytes = Math.ceil(known.bits / 8);
  // RFC 5480 §2.2: the uncompressed form is the one that everyone supports.
  if (point[0] !== 4) return refused('unsupported');
  if (point.length !== 1 + 2 * fieldBytes) return refused('malformed');
  return { ok: true, key: { kind: 'ecdsa', ...known, point } };
}

function readEdwards(
  kind: 'ed25519' | 'ed448',
  bits: number,
  bytes: number,
  parameters: Uint8Array,
  point: Uint8Array,
): PublicKeyResult {
  // RFC 8410 §3: the parameters MUST be absent.
  if (parameters.length > 0 || point.length !== bytes) return refused('malformed');
  return { ok: true, key: { kind, bits, point } };
}

/** Contents of a positive INTEGER without the zero byte that keeps it positive. */
function positive(contents: Uint8Array): Uint8Array | undefined {
  const [first, second] = contents;
  if (first === undefined || first >= 0x80) return undefined;
  if (first > 0) return contents;
  return second !== undefined && second >= 0x80 ? contents.subarray(1) : undefined;
}

function isOdd(number: Uint8Array): boolean {
  return ((number.at(-1) ?? 0) & 1) === 1;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function refused(code: PublicKeyError): PublicKeyResult {
  return { ok: false, code };
}
