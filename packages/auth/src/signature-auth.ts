import {
  decodeSignatureAlgorithm,
  encodeSignatureAlgorithm,
  fitsKey,
  type HashName,
  hashBytes,
  type PublicKeyInfo,
  type SignatureAlgorithm,
} from '@ipsec-kit/crypto';
import { AuthMethod, HashAlgorithm } from '@ipsec-kit/ikev2-codec';
import { signatureHashId } from './signature-hashes.ts';

/** What is good enough to sign with and to accept. */
export interface SignaturePolicy {
  /** Whether SHA-1 may be used when there is nothing better, and accepted: for old peers only (RFC 8247 §3.2). */
  readonly acceptSha1: boolean;
  /** Shortest RSA modulus, one's own and the peer's. */
  readonly minimumRsaBits: number;
  /** Which padding an RSA key is used with first. RFC 8247 §3.2 asks for PSS; the other one remains as second choice. */
  readonly rsaPadding: 'pss' | 'pkcs1';
}

/** No SHA-1, RSA from 2048 bits on, PSS first. */
export const DEFAULT_SIGNATURE_POLICY: SignaturePolicy = {
  acceptSha1: false,
  minimumRsaBits: 2048,
  rsaPadding: 'pss',
};

/** One way to make an AUTH payload: its method and the signature that it holds. */
export interface SignaturePlan {
  /** `AuthMethod.*` of the codec: 14, or 1, 9, 10, 11 with a peer that has not sent SIGNATURE_HASH_ALGORITHMS. */
  readonly method: number;
  readonly algorithm: SignatureAlgorithm;
}

/** The hashes to put into SIGNATURE_HASH_ALGORITHMS, best first. @see RFC 7427 §4, RFC 8420 §2 */
export function signatureHashes(policy: SignaturePolicy): readonly number[] {
  const { SHA1, SHA2_256, SHA2_384, SHA2_512, IDENTITY } = HashAlgorithm;
  const hashes = [SHA2_256, SHA2_384, SHA2_512, IDENTITY];
  return policy.acceptSha1 ? [...hashes, SHA1] : hashes;
}

/** All ways in which a key can authenticate to a peer, best first; SHA-1 comes last, and only when the policy has it.
 * The first one is to be used; the next when the peer answers AUTHENTICATION_FAILED to it.
 * @param peerHashes - from the peer's SIGNATURE_HASH_ALGORITHMS; `undefined` when it sent none, so that the old methods remain
 * (RFC 7427 §3), which have nothing for EdDSA.
 * @returns nothing when key and peer have no algorithm in common, or the key is too short.
 */
export function planSignatures(
  key: PublicKeyInfo,
  peerHashes: readonly number[] | undefined,
  policy: SignaturePolicy,
): readonly SignaturePlan[] {
  if (isWeakKey(key, policy)) return [];
  const plans =
    peerHashes === undefined ? oldPlans(key, policy) : newPlans(key, peerHashes, policy);
  return plans.filter(({ algorithm }) => fitsKey(algorithm, key));
}

const { DIGITAL_SIGNATURE, RSA_DIGITAL_SIGNATURE } = AuthMethod;

function newPlans(
  key: PublicKeyInfo,
  peerHashes: readonly number[],
  policy: SignaturePolicy,
): readonly SignaturePlan[] {
  const hashes = hashOrder(key, policy);
  return algorithmsOf(key, hashes, policy)
    .filter((algorithm) => peerHashes.includes(signatureHashId(algorithm)))
    .map((algorithm) => ({ method: DIGITAL_SIGNATURE, algorithm }));
}

/** @see RFC 7296 §3.8 (SHA-1 is what the receivers of method 1 surely have, others are allowed), RFC 4754 §2 */
function oldPlans(key: PublicKeyInfo, policy: SignaturePolicy): readonly SignaturePlan[] {
  if (key.kind === 'ecdsa') {
    return OLD_ECDSA.filter(({ curve }) => curve === key.curve).map(({ method, hash }) => ({
      method,
      algorithm: { kind: 'ecdsa', hash, format: 'fixed' },
    }));
  }
  if (key.kind !== 'rsa') return [];
  // A peer of before RFC 7427 may know SHA-1 alone: where it is allowed at all, it is the one that works.
  const hashes: readonly HashName[] = policy.acceptSha1 ? ['sha1', 'sha256'] : ['sha256'];
  return hashes.map((hash) => ({
    method: RSA_DIGITAL_SIGNATURE,
    algorithm: { kind: 'rsa-pkcs1', hash },
  }));
}

const OLD_ECDSA = [
  { method: AuthMethod.ECDSA_WITH_SHA256_ON_THE_P_256_CURVE, curve: 'P-256', hash: 'sha256' },
  { method: AuthMethod.ECDSA_WITH_SHA384_ON_THE_P_384_CURVE, curve: 'P-384', hash: 'sha384' },
  { method: AuthMethod.ECDSA_WITH_SHA512_ON_THE_P_521_CURVE, curve: 'P-521', hash: 'sha512' },
] as const;

function algorithmsOf(
  key: PublicKeyInfo,
  hashes: readonly HashName[],
  policy: SignaturePolicy,
): readonly SignatureAlgorithm[] {
  switch (key.kind) {
    case 'ed25519':
    case 'ed448':
      return [{ kind: key.kind }];
    case 'ecdsa':
      return hashes.map((hash) => ({ kind: 'ecdsa', hash, format: 'der' }));
    case 'rsa': {
      // RFC 8247 §3.2: the salt is as long as the hash.
      const pss = (hash: HashName): SignatureAlgorithm => ({
        kind: 'rsa-pss',
        hash,
        saltBytes: hashBytes(hash),
      });
      const pkcs1 = (hash: HashName): SignatureAlgorithm => ({ kind: 'rsa-pkcs1', hash });
      const paddings = policy.rsaPadding === 'pss' ? [pss, pkcs1] : [pkcs1, pss];
      // Any padding with SHA-2 comes before SHA-1.
      const modern = hashes.filter((hash) => hash !== 'sha1');
      const old = hashes.filter((hash) => hash === 'sha1');
      return [modern, old].flatMap((some) => paddings.flatMap((make) => some.map(make)));
    }
  }
}

/** The hash that is as strong as the key first, then the stronger ones, then the weaker. @see RFC 7427 §5, NIST SP 800-57 §5.6.1 */
function hashOrder(key: PublicKeyInfo, policy: SignaturePolicy): readonly HashName[] {
  const first = key.kind === 'rsa' ? rsaHash(key.bits) : ecdsaHash(key.bits);
  const modern: readonly HashName[] = ['sha256', 'sha384', 'sha512'];
  const rank = modern.indexOf(first);
  const ordered = [...modern.slice(rank), ...modern.slice(0, rank).reverse()];
  return policy.acceptSha1 ? [...ordered, 'sha1'] : ordered;
}

function rsaHash(bits: number): HashName {
  if (bits <= 3072) return 'sha256';
  return bits <= 7680 ? 'sha384' : 'sha512';
}

function ecdsaHash(bits: number): HashName {
  if (bits <= 256) return 'sha256';
  return bits <= 384 ? 'sha384' : 'sha512';
}

function isWeakKey(key: PublicKeyInfo, policy: SignaturePolicy): boolean {
  return key.kind === 'rsa' && key.bits < policy.minimumRsaBits;
}

/** The data of the AUTH payload from a signature: for method 14 behind its AlgorithmIdentifier. @see RFC 7427 §3 */
export function encodeSignatureAuth(plan: SignaturePlan, signature: Uint8Array): Uint8Array {
  if (plan.method !== DIGITAL_SIGNATURE) return signature;
  const identifier = encodeSignatureAlgorithm(plan.algorithm);
  const data = new Uint8Array(1 + identifier.length + signature.length);
  data[0] = identifier.length;
  data.set(identifier, 1);
  data.set(signature, 1 + identifier.length);
  return data;
}

/** Why an AUTH payload is refused before any arithmetic. */
export type SignatureAuthError =
  | 'unsupported-method'
  | 'malformed'
  | 'unsupported-algorithm'
  /** The signature is of another family than the key, or for another curve. */
  | 'wrong-key'
  | 'weak-hash'
  | 'weak-key';

/** What is to be verified: the signature over the signed octets, with any one of `candidates`. */
export type SignatureAuthResult =
  | {
      readonly ok: true;
      /** One algorithm; for method 1, which does not name its hash, those that may be meant. */
      readonly candidates: readonly SignatureAlgorithm[];
      readonly signature: Uint8Array;
    }
  | { readonly ok: false; readonly code: SignatureAuthError };

/** Reads an AUTH payload with a signature and checks it against the peer's key and the policy.
 * @param method - of the payload. @param data - of the payload, from the peer; never throws on it.
 * @returns what a signature provider is to verify; all codes mean AUTHENTICATION_FAILED to the peer.
 * @see RFC 7427 §3, RFC 7296 §3.8, RFC 4754 §3
 */
export function readSignatureAuth(
  method: number,
  data: Uint8Array,
  key: PublicKeyInfo,
  policy: SignaturePolicy,
): SignatureAuthResult {
  if (isWeakKey(key, policy)) return { ok: false, code: 'weak-key' };
  if (method === DIGITAL_SIGNATURE) return readDigitalSignature(data, key, policy);
  if (method === RSA_DIGITAL_SIGNATURE) {
    const hashes: readonly HashName[] = ['sha256', 'sha384', 'sha512'];
    const candidates = [...hashes, ...(policy.acceptSha1 ? (['sha1'] as const) : [])]
      .map((hash): SignatureAlgorithm => ({ kind: 'rsa-pkcs1', hash }))
      .filter((algorithm) => fitsKey(algorithm, key));
    return candidates.length > 0
      ? { ok: true, candidates, signature: data }
      : { ok: false, code: 'wrong-key' };
  }
  const old = OLD_ECDSA.find((known) => known.method === method);
  if (old === undefined) return { ok: false, code: 'unsupported-method' };
  if (key.kind !== 'ecdsa' || key.curve !== old.curve) return { ok: false, code: 'wrong-key' };
  // RFC 4754 §7: r and s, each as long as the order.
  if (data.length !== 2 * Math.ceil(key.bits / 8)) return { ok: false, code: 'malformed' };
  return {
    ok: true,
    candidates: [{ kind: 'ecdsa', hash: old.hash, format: 'fixed' }],
    signature: data,
  };
}

function readDigitalSignature(
  data: Uint8Array,
  key: PublicKeyInfo,
  policy: SignaturePolicy,
): SignatureAuthResult {
  const [length] = data;
  if (length === undefined || 1 + length >= data.length) return { ok: false, code: 'malformed' };
  const algorithm = decodeSignatureAlgorithm(data.subarray(1, 1 + length));
  if (algorithm === undefined) return { ok: false, code: 'unsupported-algorithm' };
  // RFC 7427 §4: only hashes that were announced, and SHA-1 is announced when the policy has it.
  if (!signatureHashes(policy).includes(signatureHashId(algorithm))) {
    return { ok: false, code: 'weak-hash' };
  }
  if (!fitsKey(algorithm, key)) return { ok: false, code: 'wrong-key' };
  return { ok: true, candidates: [algorithm], signature: data.subarray(1 + length) };
}
