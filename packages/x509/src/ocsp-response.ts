import {
  DerTag,
  type DerValue,
  decodeSignatureAlgorithm,
  readDerValues,
  readWholeDer,
  type SignatureAlgorithm,
} from '@ipsec-kit/crypto';
import { type Certificate, readCertificate } from './certificate.ts';
import { readX509Time } from './x509-time.ts';

/** Longest OCSP response that is read: one answer and the certificates of its responder. */
export const MAX_OCSP_RESPONSE_BYTES = 65_536;
const MAX_ANSWERS = 64;
const MAX_CERTIFICATES = 8;
const MAX_EXTENSIONS = 32;

/** What a responder says of one certificate. */
export interface OcspAnswer {
  /** How the issuer is hashed: OBJECT IDENTIFIER in hexadecimal. */
  readonly hash: string;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  /** Contents of the INTEGER. */
  readonly serialNumber: Uint8Array;
  readonly status: 'good' | 'revoked' | 'unknown';
  /** Only of a revoked one. */
  readonly revokedAtMs?: number;
  readonly thisUpdateMs: number;
  /** When absent, there is always something newer (RFC 6960 §4.2.2.1). */
  readonly nextUpdateMs?: number;
  /** A critical extension that nobody here understands: the answer says nothing. */
  readonly hasUnknownCritical: boolean;
}

/** An OCSP response taken apart; all bytes are views. */
export interface OcspResponse {
  /** The OCSPResponse whole, as it came. */
  readonly der: Uint8Array;
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** Who signed: a Name in DER, or the SHA-1 of the key. */
  readonly responder:
    | { readonly kind: 'name'; readonly name: Uint8Array }
    | { readonly kind: 'key'; readonly keyHash: Uint8Array };
  readonly producedAtMs: number;
  readonly answers: readonly OcspAnswer[];
  readonly nonce?: Uint8Array;
  /** Those that could be read. */
  readonly certificates: readonly Certificate[];
}

/** Why an OCSP response was not read. `refused`: the responder says that it cannot answer (RFC 6960 §2.3). */
export type OcspResponseError = 'too-large' | 'malformed' | 'unsupported' | 'refused';

/** An OCSP response, or why it was not read. */
export type OcspResponseResult =
  | { readonly ok: true; readonly response: OcspResponse }
  | { readonly ok: false; readonly code: OcspResponseError };

const ENUMERATED = 0x0a;
const EXPLICIT = { ZERO: 0xa0, ONE: 0xa1, TWO: 0xa2 } as const;
const BASIC = '2b0601050507300101';
const NONCE = '2b0601050507300102';

/** Reads an OCSPResponse in DER, from a responder or from the CERT payload of a peer (encoding 14). Never throws; linear time.
 * @see RFC 6960 §4.2.1, RFC 4806 §3.2
 */
export function readOcspResponse(der: Uint8Array): OcspResponseResult {
  if (der.length > MAX_OCSP_RESPONSE_BYTES) return refused('too-large');
  const outer = readWholeDer(der, DerTag.SEQUENCE);
  const [status, bytes] = (outer && readDerValues(outer.contents, 2)) ?? [];
  if (status?.tag !== ENUMERATED || status.contents.length !== 1) return refused('malformed');
  if (status.contents[0] !== 0) return refused('refused');
  const wrapped = bytes?.tag === EXPLICIT.ZERO && readWholeDer(bytes.contents, DerTag.SEQUENCE);
  const [type, body] = (wrapped && readDerValues(wrapped.contents, 2)) || [];
  if (type?.tag !== DerTag.OBJECT_IDENTIFIER || body?.tag !== DerTag.OCTET_STRING) {
    return refused('malformed');
  }
  return hexOf(type.contents) === BASIC ? readBasic(der, body.contents) : refused('unsupported');
}

function readBasic(der: Uint8Array, basic: Uint8Array): OcspResponseResult {
  const outer = readWholeDer(basic, DerTag.SEQUENCE);
  const [tbs, algorithm, signature, certs] = (outer && readDerValues(outer.contents, 4)) ?? [];
  if (outer === undefined || tbs?.tag !== DerTag.SEQUENCE) return refused('malformed');
  if (algorithm?.tag !== DerTag.SEQUENCE || signature?.tag !== DerTag.BIT_STRING) {
    return refused('malformed');
  }
  if (signature.contents[0] !== 0) return refused('malformed');
  const data = readData(tbs.contents);
  const certificates = readCertificates(certs);
  if (data === undefined || certificates === undefined) return refused('malformed');
  const identifier = outer.contents.subarray(tbs.end, algorithm.end);
  const signatureAlgorithm = decodeSignatureAlgorithm(identifier);
  if (signatureAlgorithm === undefined) return refused('unsupported');
  return {
    ok: true,
    response: {
      der,
      tbs: outer.contents.subarray(0, tbs.end),
      signatureAlgorithm,
      signature: signature.contents.subarray(1),
      certificates,
      ...data,
    },
  };
}

function readCertificates(field: DerValue | undefined): readonly Certificate[] | undefined {
  if (field === undefined) return [];
  const list =
    field.tag === EXPLICIT.ZERO ? readWholeDer(field.contents, DerTag.SEQUENCE) : undefined;
  const values = list && readDerValues(list.contents, MAX_CERTIFICATES);
  let start = 0;
  return values?.flatMap(({ end }) => {
    const read = readCertificate(list?.contents.subarray(start, end) ?? new Uint8Array(0));
    start = end;
    return read.ok ? [read.certificate] : [];
  });
}

type Data = Pick<OcspResponse, 'responder' | 'producedAtMs' | 'answers' | 'nonce'>;

function readData(contents: Uint8Array): Data | undefined {
  const fields = readDerValues(contents, 5);
  // Version 1 is left out in DER, but some write it.
  const [id, producedAt, list, extensions] =
    fields?.slice(fields[0]?.tag === EXPLICIT.ZERO ? 1 : 0) ?? [];
  const responder = id && readResponder(id);
  const producedAtMs = producedAt && readX509Time(producedAt);
  const values =
    list?.tag === DerTag.SEQUENCE ? readDerValues(list.contents, MAX_ANSWERS) : undefined;
  const answers = values?.map(readAnswer).filter((answer) => answer !== undefined);
  const extra = readOcspExtensions(extensions, EXPLICIT.ONE);
  if (responder === undefined || producedAtMs === undefined || extra === undefined) {
    return undefined;
  }
  if (answers === undefined || answers.length !== values?.length) return undefined;
  // A critical extension of the whole that is not understood takes all answers with it.
  const judged = extra.hasUnknownCritical
    ? answers.map((answer) => ({ ...answer, hasUnknownCritical: true }))
    : answers;
  const data = { responder, producedAtMs, answers: judged };
  return extra.nonce ? { ...data, nonce: extra.nonce } : data;
}

function readResponder({ tag, contents }: DerValue): OcspResponse['responder'] | undefined {
  if (tag === EXPLICIT.ONE) {
    return readWholeDer(contents, DerTag.SEQUENCE) && { kind: 'name', name: contents };
  }
  const hash = tag === EXPLICIT.TWO ? readWholeDer(contents, DerTag.OCTET_STRING) : undefined;
  return hash && { kind: 'key', keyHash: hash.contents };
}

const STATUS = { GOOD: 0x80, REVOKED: 0xa1, UNKNOWN: 0x82 } as const;

function readAnswer({ tag, contents }: DerValue): OcspAnswer | undefined {
  const fields = tag === DerTag.SEQUENCE ? readDerValues(contents, 5) : undefined;
  const [id, status, thisUpdate, ...rest] = fields ?? [];
  const certId = id?.tag === DerTag.SEQUENCE ? readCertId(id.contents) : undefined;
  const thisUpdateMs = thisUpdate && readX509Time(thisUpdate);
  if (certId === undefined || status === undefined || thisUpdateMs === undefined) return undefined;
  const next = rest.find((field) => field.tag === EXPLICIT.ZERO);
  const nextUpdateMs = next && readWrappedTime(next);
  if (next && nextUpdateMs === undefined) return undefined;
  const extra = readOcspExtensions(
    rest.find((field) => field.tag === EXPLICIT.ONE),
    EXPLICIT.ONE,
  );
  const meaning = readStatus(status);
  if (extra === undefined || meaning === undefined) return undefined;
  const answer = {
    ...certId,
    ...meaning,
    thisUpdateMs,
    hasUnknownCritical: extra.hasUnknownCritical,
  };
  return nextUpdateMs === undefined ? answer : { ...answer, nextUpdateMs };
}

function readWrappedTime({ contents }: DerValue): number | undefined {
  const [time, ...more] = readDerValues(contents, 2) ?? [];
  return time && more.length === 0 ? readX509Time(time) : undefined;
}

function readStatus({
  tag,
  contents,
}: DerValue): Pick<OcspAnswer, 'status' | 'revokedAtMs'> | undefined {
  if (tag === STATUS.GOOD) return { status: 'good' };
  if (tag === STATUS.UNKNOWN) return { status: 'unknown' };
  // The reason does not matter: also what is on hold is not to be used.
  const [time] = (tag === STATUS.REVOKED && readDerValues(contents, 2)) || [];
  const revokedAtMs = time && readX509Time(time);
  return revokedAtMs === undefined ? undefined : { status: 'revoked', revokedAtMs };
}

type CertId = Pick<OcspAnswer, 'hash' | 'issuerNameHash' | 'issuerKeyHash' | 'serialNumber'>;

function readCertId(contents: Uint8Array): CertId | undefined {
  const [algorithm, name, key, serial] = readDerValues(contents, 4) ?? [];
  const [oid] = (algorithm?.tag === DerTag.SEQUENCE && readDerValues(algorithm.contents, 2)) || [];
  if (oid?.tag !== DerTag.OBJECT_IDENTIFIER || serial?.tag !== DerTag.INTEGER) return undefined;
  if (name?.tag !== DerTag.OCTET_STRING || key?.tag !== DerTag.OCTET_STRING) return undefined;
  return {
    hash: hexOf(oid.contents),
    issuerNameHash: name.contents,
    issuerKeyHash: key.contents,
    serialNumber: serial.contents,
  };
}

/** What is to be known of extensions: the nonce, and whether there is a critical one that is not known. */
function readOcspExtensions(
  field: DerValue | undefined,
  tag: number,
): { readonly hasUnknownCritical: boolean; readonly nonce?: Uint8Array } | undefined {
  if (field === undefined) return { hasUnknownCritical: false };
  const list = field.tag === tag ? readWholeDer(field.contents, DerTag.SEQUENCE) : undefined;
  const extensions = list && readDerValues(list.contents, MAX_EXTENSIONS);
  if (extensions === undefined) return undefined;
  let hasUnknownCritical = false;
  let nonce: Uint8Array | undefined;
  for (const { contents } of extensions) {
    const [id, ...rest] = readDerValues(contents, 3) ?? [];
    const value = rest.at(-1);
    if (id === undefined || value?.tag !== DerTag.OCTET_STRING) return undefined;
    if (hexOf(id.contents) === NONCE) {
      // Some responders of old wrote the bytes without a frame.
      nonce = readWholeDer(value.contents, DerTag.OCTET_STRING)?.contents ?? value.contents;
    } else if (rest.length === 2 && rest[0]?.contents[0] !== 0) {
      hasUnknownCritical = true;
    }
  }
  return nonce ? { hasUnknownCritical, nonce } : { hasUnknownCritical };
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function refused(code: OcspResponseError): OcspResponseResult {
  return { ok: false, code };
}
