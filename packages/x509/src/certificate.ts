import {
  bytesEqual,
  DerTag,
  type DerValue,
  decodeSignatureAlgorithm,
  readDerValues,
  readPublicKey,
  readWholeDer,
  type SignatureAlgorithm,
} from '@ipsec-kit/crypto';
import { type CertificateExtensions, readExtensions } from './certificate-extensions.ts';
import { readX509Time } from './x509-time.ts';

/** Longest certificate that is read. */
export const MAX_CERTIFICATE_BYTES = 16_384;

/** A certificate taken apart; all bytes are views of `der`. */
export interface Certificate {
  readonly der: Uint8Array;
  /** What is signed. */
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** Contents of the INTEGER. */
  readonly serialNumber: Uint8Array;
  /** A Name in DER. */
  readonly issuer: Uint8Array;
  /** A Name in DER. */
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo in DER; of a kind that `readPublicKey` knows. */
  readonly publicKey: Uint8Array;
  /** The key itself: what the BIT STRING holds. */
  readonly subjectKey: Uint8Array;
  readonly extensions: CertificateExtensions;
}

/** Why a certificate was not read. */
export type CertificateError = 'too-large' | 'malformed' | 'unsupported';

/** A certificate, or why it was not read. */
export type CertificateResult =
  | { readonly ok: true; readonly certificate: Certificate }
  | { readonly ok: false; readonly code: CertificateError };

/** Reads an X.509 certificate of version 3 or 1 in DER. Never throws, and reads each byte a bounded number of times.
 * `unsupported` is a key or signature of an unknown kind. @see RFC 5280 §4.1
 */
export function readCertificate(der: Uint8Array): CertificateResult {
  if (der.length > MAX_CERTIFICATE_BYTES) return { ok: false, code: 'too-large' };
  const outer = readWholeDer(der, DerTag.SEQUENCE);
  const [tbs, algorithm, signature] = (outer && readDerValues(outer.contents, 3)) ?? [];
  if (outer === undefined || tbs?.tag !== DerTag.SEQUENCE || algorithm === undefined) {
    return MALFORMED;
  }
  if (signature?.tag !== DerTag.BIT_STRING || signature.contents[0] !== 0) return MALFORMED;
  const outerAlgorithm = outer.contents.subarray(tbs.end, algorithm.end);
  const body = readBody(tbs.contents);
  // RFC 5280 §4.1.1.2: MUST be the algorithm inside of what is signed.
  if (body === undefined || !bytesEqual(body.algorithm, outerAlgorithm)) return MALFORMED;
  const signatureAlgorithm = decodeSignatureAlgorithm(outerAlgorithm);
  if (signatureAlgorithm === undefined) return UNSUPPORTED;
  const key = readPublicKey(body.publicKey);
  if (!key.ok) return key.code === 'malformed' ? MALFORMED : UNSUPPORTED;
  const { algorithm: _, ...rest } = body;
  return {
    ok: true,
    certificate: {
      der,
      tbs: outer.contents.subarray(0, tbs.end),
      signatureAlgorithm,
      signature: signature.contents.subarray(1),
      ...rest,
    },
  };
}

const MALFORMED: CertificateResult = { ok: false, code: 'malformed' };
const UNSUPPORTED: CertificateResult = { ok: false, code: 'unsupported' };

const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** Version, serial number, algorithm, issuer, validity, subject, key, two unique ids, extensions. */
const MAX_FIELDS = 10;
const MAX_SERIAL_BYTES = 32;

function readBody(contents: Uint8Array) {
  const fields = readDerValues(contents, MAX_FIELDS);
  if (fields === undefined) return undefined;
  const isVersioned = fields[0]?.tag === VERSION;
  const [serial, algorithm, issuer, validity, subject, key] = fields.slice(isVersioned ? 1 : 0);
  if (serial?.tag !== DerTag.INTEGER || algorithm?.tag !== DerTag.SEQUENCE) return undefined;
  if (issuer?.tag !== DerTag.SEQUENCE || subject?.tag !== DerTag.SEQUENCE) return undefined;
  if (validity?.tag !== DerTag.SEQUENCE || key?.tag !== DerTag.SEQUENCE) return undefined;
  if (serial.contents.length === 0 || serial.contents.length > MAX_SERIAL_BYTES) return undefined;
  const [notBefore, notAfter] = readDerValues(validity.contents, 2) ?? [];
  const notBeforeMs = notBefore && readX509Time(notBefore);
  const notAfterMs = notAfter && readX509Time(notAfter);
  const list = fields.find(({ tag }) => tag === EXTENSIONS);
  const extensions = readExtensions(list?.contents);
  const bits = readDerValues(key.contents, 2)?.[1];
  if (notBeforeMs === undefined || notAfterMs === undefined || extensions === undefined) {
    return undefined;
  }
  return {
    serialNumber: serial.contents,
    algorithm: whole(contents, serial, algorithm),
    issuer: whole(contents, algorithm, issuer),
    subject: whole(contents, validity, subject),
    publicKey: whole(contents, subject, key),
    subjectKey: bits?.contents.subarray(1) ?? new Uint8Array(0),
    notBeforeMs,
    notAfterMs,
    extensions,
  };
}

/** A value with its tag and length: it begins where the one before it ends. */
function whole(contents: Uint8Array, previous: DerValue, value: DerValue): Uint8Array {
  return contents.subarray(previous.end, value.end);
}
