import { ed448 } from '@noble/curves/ed448.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { argumentError } from '../argument-error.ts';
import { bytesEqual } from '../bytes-equal.ts';
import { DerTag, readDerValues, readWholeDer, writeDer } from '../der.ts';
import { hexBytes } from '../hex-bytes.ts';
import type { KeyMaterial } from '../key-material.ts';
import { type PublicKeyInfo, readPublicKey } from '../signatures/public-key.ts';
import {
  fitsKey,
  formatSignatureAlgorithm,
  type SignatureAlgorithm,
} from '../signatures/signature-algorithm.ts';
import type {
  SignatureCheck,
  SignatureProvider,
  SigningKey,
  SigningKeyResult,
} from '../signatures/signature-provider.ts';
import { NOBLE_HASH } from './noble-hash.ts';

const ECDSA = { 'P-256': p256, 'P-384': p384, 'P-521': p521 } as const;
const EDDSA = { ed25519, ed448 } as const;

/** Signatures with noble: ECDSA, Ed25519, Ed448. It has no RSA. Everything is synchronous. */
export function createNobleSignatures(): SignatureProvider {
  return {
    name: 'noble',
    supports: ({ kind }) => kind === 'ecdsa' || kind === 'ed25519' || kind === 'ed448',
    verify: verifyWithNoble,
    importPrivateKey: importWithNoble,
  };
}

function verifyWithNoble({ publicKey, algorithm, message, signature }: SignatureCheck): boolean {
  const info = readPublicKey(publicKey);
  if (!info.ok || !fitsKey(algorithm, info.key)) return false;
  const { key } = info;
  try {
    if (algorithm.kind === 'ecdsa' && key.kind === 'ecdsa') {
      return ECDSA[key.curve].verify(
        signature,
        NOBLE_HASH[algorithm.hash](message),
        key.point,
        ecdsaOptions(algorithm),
      );
    }
    // RFC 8032 §5.1.7 and not ZIP 215: points and scalars in their one canonical form.
    return key.kind === 'ed25519' || key.kind === 'ed448'
      ? EDDSA[key.kind].verify(signature, message, key.point, { zip215: false })
      : false;
  } catch {
    // noble refuses points off the curve and malformed signatures.
    return false;
  }
}

/** Both halves of s are equally valid in X9.62, and hashing has been done. */
function ecdsaOptions(algorithm: SignatureAlgorithm & { readonly kind: 'ecdsa' }): {
  readonly prehash: false;
  readonly lowS: false;
  readonly format: 'der' | 'compact';
} {
  const format = algorithm.format === 'der' ? 'der' : 'compact';
  return { prehash: false, lowS: false, format };
}

const OID = {
  EC: hexBytes('2a8648ce3d0201'),
  ED25519: hexBytes('2b6570'),
  ED448: hexBytes('2b6571'),
} as const;

type PrivateKey =
  | { readonly kind: 'ecdsa'; readonly curve: keyof typeof ECDSA; readonly scalar: Uint8Array }
  | { readonly kind: 'ed25519' | 'ed448'; readonly scalar: Uint8Array };

function importWithNoble(pkcs8: KeyMaterial): SigningKeyResult {
  const outer = readWholeDer(pkcs8.reveal(), DerTag.SEQUENCE);
  const [version, algorithm, octets] = (outer && readDerValues(outer.contents, 5)) ?? [];
  if (version?.tag !== DerTag.INTEGER || algorithm?.tag !== DerTag.SEQUENCE) return MALFORMED;
  if (octets?.tag !== DerTag.OCTET_STRING) return MALFORMED;
  const [oid, parameters] = readDerValues(algorithm.contents, 2) ?? [];
  if (oid?.tag !== DerTag.OBJECT_IDENTIFIER) return MALFORMED;
  const found = privateKeyOf(oid.contents, parameters?.contents, octets.contents);
  if (!('scalar' in found)) return found;
  try {
    const spki = publicKeyOf(found);
    const info = readPublicKey(spki);
    return info.ok ? { ok: true, key: signingKey(found, info.key, spki) } : info;
  } catch {
    // A scalar of a wrong length or outside of the order.
    return MALFORMED;
  }
}

const MALFORMED: SigningKeyResult = { ok: false, code: 'malformed' };
const UNSUPPORTED: SigningKeyResult = { ok: false, code: 'unsupported' };

const CURVE_OIDS: readonly (readonly [keyof typeof ECDSA, Uint8Array])[] = [
  ['P-256', hexBytes('2a8648ce3d030107')],
  ['P-384', hexBytes('2b81040022')],
  ['P-521', hexBytes('2b81040023')],
];

function privateKeyOf(
  oid: Uint8Array,
  parameters: Uint8Array | undefined,
  octets: Uint8Array,
): PrivateKey | SigningKeyResult {
  if (bytesEqual(oid, OID.EC)) {
    const curve = parameters && CURVE_OIDS.find(([, known]) => bytesEqual(known, parameters))?.[0];
    if (curve === undefined) return UNSUPPORTED;
    // RFC 5915 §3: version, privateKey, then parameters and publicKey, which are not needed.
    const sequence = readWholeDer(octets, DerTag.SEQUENCE);
    const scalar = sequence && readDerValues(sequence.contents, 4)?.[1];
    return scalar?.tag === DerTag.OCTET_STRING
      ? { kind: 'ecdsa', curve, scalar: scalar.contents.slice() }
      : MALFORMED;
  }
  const kind = bytesEqual(oid, OID.ED25519)
    ? 'ed25519'
    : bytesEqual(oid, OID.ED448)
      ? 'ed448'
      : undefined;
  if (kind === undefined) return UNSUPPORTED;
  // RFC 8410 §7: an OCTET STRING in the OCTET STRING.
  const inner = readWholeDer(octets, DerTag.OCTET_STRING);
  return inner ? { kind, scalar: inner.contents.slice() } : MALFORMED;
}

function publicKeyOf(key: PrivateKey): Uint8Array {
  if (key.kind === 'ecdsa') {
    const curve = CURVE_OIDS.find(([name]) => name === key.curve)?.[1] ?? new Uint8Array(0);
    const point = ECDSA[key.curve].getPublicKey(key.scalar, false);
    return spkiOf(point, OID.EC, writeDer(DerTag.OBJECT_IDENTIFIER, curve));
  }
  const oid = key.kind === 'ed25519' ? OID.ED25519 : OID.ED448;
  return spkiOf(EDDSA[key.kind].getPublicKey(key.scalar), oid);
}

function spkiOf(point: Uint8Array, oid: Uint8Array, ...parameters: Uint8Array[]): Uint8Array {
  return writeDer(
    DerTag.SEQUENCE,
    writeDer(DerTag.SEQUENCE, writeDer(DerTag.OBJECT_IDENTIFIER, oid), ...parameters),
    writeDer(DerTag.BIT_STRING, Uint8Array.of(0), point),
  );
}

function signingKey(key: PrivateKey, info: PublicKeyInfo, publicKey: Uint8Array): SigningKey {
  return {
    info,
    publicKey,
    sign(algorithm, message) {
      if (algorithm.kind === 'ecdsa' && key.kind === 'ecdsa') {
        const digest = NOBLE_HASH[algorithm.hash](message);
        return ECDSA[key.curve].sign(digest, key.scalar, ecdsaOptions(algorithm));
      }
      if (key.kind !== 'ecdsa' && algorithm.kind === key.kind) {
        return EDDSA[key.kind].sign(message, key.scalar);
      }
      const got = `${formatSignatureAlgorithm(algorithm)} for ${info.kind} of ${info.bits} bits`;
      throw argumentError('algorithm', 'one that fits the key', got);
    },
  };
}
