import { DerTag, readDer, readDerValues, readWholeDer, writeDer } from '../der.ts';
import type { HashName } from '../hash-name.ts';
import { hexBytes } from '../hex-bytes.ts';
import type { SignatureAlgorithm } from './signature-algorithm.ts';

/** The length of the AlgorithmIdentifier is one byte in the AUTH payload. @see RFC 7427 §3 */
const MAX_IDENTIFIER_BYTES = 255;

const OID_PSS = '2a864886f70d01010a';
const OID_MGF1 = '2a864886f70d010108';

/** @see RFC 7427 Appendix A.1, A.3; RFC 8420 §2 */
const SIMPLE: readonly (readonly [oid: string, algorithm: SignatureAlgorithm])[] = [
  ['2a864886f70d010105', { kind: 'rsa-pkcs1', hash: 'sha1' }],
  ['2a864886f70d01010b', { kind: 'rsa-pkcs1', hash: 'sha256' }],
  ['2a864886f70d01010c', { kind: 'rsa-pkcs1', hash: 'sha384' }],
  ['2a864886f70d01010d', { kind: 'rsa-pkcs1', hash: 'sha512' }],
  ['2a8648ce3d0401', { kind: 'ecdsa', hash: 'sha1', format: 'der' }],
  ['2a8648ce3d040302', { kind: 'ecdsa', hash: 'sha256', format: 'der' }],
  ['2a8648ce3d040303', { kind: 'ecdsa', hash: 'sha384', format: 'der' }],
  ['2a8648ce3d040304', { kind: 'ecdsa', hash: 'sha512', format: 'der' }],
  ['2b6570', { kind: 'ed25519' }],
  ['2b6571', { kind: 'ed448' }],
];

/** @see RFC 4055 §2.1 */
const HASHES: readonly (readonly [oid: string, hash: HashName])[] = [
  ['2b0e03021a', 'sha1'],
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
];

/** The AlgorithmIdentifier of a signature algorithm in DER, in the form that its specification prefers:
 * PKCS #1 v1.5 with NULL, ECDSA and EdDSA without parameters, RSASSA-PSS with all of its parameters spelled out.
 * @throws RangeError for ECDSA values of fixed length, which have no identifier (RFC 4754).
 * @see RFC 7427 Appendix A, RFC 4055 §3.1, RFC 8420 §2
 */
export function encodeSignatureAlgorithm(algorithm: SignatureAlgorithm): Uint8Array {
  if (algorithm.kind === 'rsa-pss') {
    return sequence(oid(OID_PSS), pssParameters(algorithm.hash, algorithm.saltBytes));
  }
  const entry = SIMPLE.find(([, known]) => isSame(known, algorithm));
  if (entry === undefined) {
    throw new RangeError(
      `"algorithm" expected one with an AlgorithmIdentifier, got ${algorithm.kind} of fixed length`,
    );
  }
  return algorithm.kind === 'rsa-pkcs1' ? sequence(oid(entry[0]), NULL) : sequence(oid(entry[0]));
}

/** Reads an AlgorithmIdentifier in DER. NULL parameters and absent ones mean the same (RFC 7427 §3);
 * RSASSA-PSS needs its parameters, with one hash for the message and for the mask (RFC 8017 §8.1), and trailer field 1.
 * @returns `undefined` for what is malformed and what is not known; never throws.
 */
export function decodeSignatureAlgorithm(der: Uint8Array): SignatureAlgorithm | undefined {
  if (der.length > MAX_IDENTIFIER_BYTES) return undefined;
  const outer = readWholeDer(der, DerTag.SEQUENCE);
  const [id, parameters] = (outer && readDerValues(outer.contents, 2)) ?? [];
  if (id?.tag !== DerTag.OBJECT_IDENTIFIER) return undefined;
  const name = hexOf(id.contents);
  if (name === OID_PSS) {
    return parameters?.tag === DerTag.SEQUENCE
      ? decodePssParameters(parameters.contents)
      : undefined;
  }
  const isEmpty = parameters === undefined || isNull(parameters);
  return isEmpty ? SIMPLE.find(([known]) => known === name)?.[1] : undefined;
}

const NULL: Uint8Array = /* @__PURE__ */ Uint8Array.of(DerTag.NULL, 0);
const MAX_SALT_BYTES = 255;
const CONTEXT = 0xa0;

function pssParameters(hash: HashName, saltBytes: number): Uint8Array {
  const hashId = sequence(oid(HASHES.find(([, name]) => name === hash)?.[0] ?? ''), NULL);
  const salt = saltBytes < 0x80 ? [saltBytes] : [saltBytes >>> 8, saltBytes & 0xff];
  return sequence(
    writeDer(CONTEXT, hashId),
    writeDer(CONTEXT | 1, sequence(oid(OID_MGF1), hashId)),
    writeDer(CONTEXT | 2, writeDer(DerTag.INTEGER, Uint8Array.from(salt))),
    writeDer(CONTEXT | 3, writeDer(DerTag.INTEGER, Uint8Array.of(1))),
  );
}

/** What is left out has its default: SHA-1, MGF1 with SHA-1, 20 bytes of salt, trailer field 1. @see RFC 4055 §3.1 */
function decodePssParameters(contents: Uint8Array): SignatureAlgorithm | undefined {
  const fields = readDerValues(contents, 4);
  if (fields === undefined) return undefined;
  let hash: HashName | undefined = 'sha1';
  let maskHash: HashName | undefined = 'sha1';
  let saltBytes: number | undefined = 20;
  let trailer: number | undefined = 1;
  let previous = CONTEXT - 1;
  for (const { tag, contents: field } of fields) {
    if (tag <= previous || tag > (CONTEXT | 3)) return undefined;
    previous = tag;
    if (tag === CONTEXT) hash = decodeHash(field);
    else if (tag === (CONTEXT | 1)) maskHash = decodeMask(field);
    else if (tag === (CONTEXT | 2)) saltBytes = decodeSmallInteger(field);
    else trailer = decodeSmallInteger(field);
  }
  if (hash === undefined || hash !== maskHash || trailer !== 1) return undefined;
  return saltBytes === undefined ? undefined : { kind: 'rsa-pss', hash, saltBytes };
}

function decodeHash(der: Uint8Array): HashName | undefined {
  const outer = readWholeDer(der, DerTag.SEQUENCE);
  const [id, parameters] = (outer && readDerValues(outer.contents, 2)) ?? [];
  if (id?.tag !== DerTag.OBJECT_IDENTIFIER) return undefined;
  if (parameters !== undefined && !isNull(parameters)) return undefined;
  const name = hexOf(id.contents);
  return HASHES.find(([known]) => known === name)?.[1];
}

function decodeMask(der: Uint8Array): HashName | undefined {
  const outer = readWholeDer(der, DerTag.SEQUENCE);
  const id = outer && readDer(outer.contents, 0);
  if (outer === undefined || id?.tag !== DerTag.OBJECT_IDENTIFIER) return undefined;
  return hexOf(id.contents) === OID_MGF1 ? decodeHash(outer.contents.subarray(id.end)) : undefined;
}

function decodeSmallInteger(der: Uint8Array): number | undefined {
  const digits = readWholeDer(der, DerTag.INTEGER)?.contents;
  const [first = 0x80, second] = digits ?? [];
  if (digits?.length === 1 && first < 0x80) return first;
  const isTwoBytes = digits?.length === 2 && first === 0 && (second ?? 0) >= 0x80;
  return isTwoBytes && second !== undefined && second <= MAX_SALT_BYTES ? second : undefined;
}

function isNull({ tag, contents }: { tag: number; contents: Uint8Array }): boolean {
  return tag === DerTag.NULL && contents.length === 0;
}

function oid(hex: string): Uint8Array {
  return writeDer(DerTag.OBJECT_IDENTIFIER, hexBytes(hex));
}

function sequence(...contents: readonly Uint8Array[]): Uint8Array {
  return writeDer(DerTag.SEQUENCE, ...contents);
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function isSame(a: SignatureAlgorithm, b: SignatureAlgorithm): boolean {
  if (a.kind !== b.kind) return false;
  const hashOf = (algorithm: SignatureAlgorithm) => 'hash' in algorithm && algorithm.hash;
  const isFixed = b.kind === 'ecdsa' && b.format === 'fixed';
  return hashOf(a) === hashOf(b) && !isFixed;
}
