import {
  bytesEqual,
  DerTag,
  decodeSignatureAlgorithm,
  readDer,
  readDerValues,
  readWholeDer,
  type SignatureAlgorithm,
} from '@ipsec-kit/crypto';
import { isTimeTag, readX509Time } from './x509-time.ts';

/** Longest CRL that is read: some 100,000 entries. */
export const MAX_REVOCATION_LIST_BYTES = 4_194_304;
const MAX_EXTENSIONS = 32;
const EXTENSIONS = 0xa0;

/** A CRL taken apart; all bytes are views. */
export interface RevocationList {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** A Name in DER. */
  readonly issuer: Uint8Array;
  readonly thisUpdateMs: number;
  /** When the next one comes; a CRL without it is never fresh for long, and refused (RFC 5280 §5.1.2.5 requires it). */
  readonly nextUpdateMs: number;
  /** Serial numbers, as hexadecimal of the INTEGER's contents. */
  readonly revoked: ReadonlySet<string>;
}

/** Why a CRL was not read. `unsupported`: a delta CRL, one for some certificates or reasons only, or an unknown signature. */
export type RevocationListError = 'too-large' | 'malformed' | 'unsupported';

/** A CRL, or why it was not read. */
export type RevocationListResult =
  | { readonly ok: true; readonly list: RevocationList }
  | { readonly ok: false; readonly code: RevocationListError };

/** Reads a CRL in DER. Never throws; linear time. A critical extension is one too many: delta CRLs and those with an
 * issuing distribution point say less than that all others are good. @see RFC 5280 §5.1, §5.2
 */
export function readRevocationList(der: Uint8Array): RevocationListResult {
  if (der.length > MAX_REVOCATION_LIST_BYTES) return refused('too-large');
  const outer = readWholeDer(der, DerTag.SEQUENCE);
  const [tbs, algorithm, signature] = (outer && readDerValues(outer.contents, 3)) ?? [];
  if (outer === undefined || tbs?.tag !== DerTag.SEQUENCE || algorithm === undefined) {
    return refused('malformed');
  }
  if (signature?.tag !== DerTag.BIT_STRING || signature.contents[0] !== 0) {
    return refused('malformed');
  }
  const identifier = outer.contents.subarray(tbs.end, algorithm.end);
  const body = readBody(tbs.contents, identifier);
  if (typeof body === 'string') return refused(body);
  const signatureAlgorithm = decodeSignatureAlgorithm(identifier);
  if (signatureAlgorithm === undefined) return refused('unsupported');
  return {
    ok: true,
    list: {
      tbs: outer.contents.subarray(0, tbs.end),
      signatureAlgorithm,
      signature: signature.contents.subarray(1),
      ...body,
    },
  };
}

type Body = Pick<RevocationList, 'issuer' | 'thisUpdateMs' | 'nextUpdateMs' | 'revoked'>;

function readBody(contents: Uint8Array, identifier: Uint8Array): Body | RevocationListError {
  const fields = readDerValues(contents, 7);
  const isVersioned = fields?.[0]?.tag === DerTag.INTEGER;
  const [algorithm, issuer, thisUpdate, nextUpdate, ...rest] =
    fields?.slice(isVersioned ? 1 : 0) ?? [];
  if (algorithm?.tag !== DerTag.SEQUENCE || issuer?.tag !== DerTag.SEQUENCE) return 'malformed';
  const start = isVersioned ? (fields?.[0]?.end ?? 0) : 0;
  const inner = contents.subarray(start, algorithm.end);
  // RFC 5280 §5.1.1.2: the same algorithm inside and outside.
  if (!bytesEqual(inner, identifier)) return 'malformed';
  const thisUpdateMs = thisUpdate && readX509Time(thisUpdate);
  if (thisUpdateMs === undefined || nextUpdate === undefined) return 'malformed';
  if (!isTimeTag(nextUpdate.tag)) return 'unsupported';
  const nextUpdateMs = readX509Time(nextUpdate);
  const list = rest.find(({ tag }) => tag === DerTag.SEQUENCE);
  const revoked = readEntries(list?.contents ?? new Uint8Array(0));
  if (nextUpdateMs === undefined || revoked === undefined) return 'malformed';
  const extensions = rest.find(({ tag }) => tag === EXTENSIONS);
  if (extensions && hasCritical(extensions.contents)) return 'unsupported';
  const bytes = contents.subarray(algorithm.end, issuer.end);
  return { issuer: bytes, thisUpdateMs, nextUpdateMs, revoked };
}

function readEntries(contents: Uint8Array): ReadonlySet<string> | undefined {
  const revoked = new Set<string>();
  for (let offset = 0; offset < contents.length; ) {
    const entry = readDer(contents, offset);
    const serial = entry?.tag === DerTag.SEQUENCE ? readDer(entry.contents, 0) : undefined;
    if (entry === undefined || serial?.tag !== DerTag.INTEGER) return undefined;
    revoked.add(serialText(serial.contents));
    offset = entry.end;
  }
  return revoked;
}

/** Also what is malformed counts as critical. */
function hasCritical(field: Uint8Array): boolean {
  const list = readWholeDer(field, DerTag.SEQUENCE);
  const extensions = list && readDerValues(list.contents, MAX_EXTENSIONS);
  return !extensions?.every(({ contents }) => {
    const parts = readDerValues(contents, 3);
    return parts?.length === 2 || (parts?.length === 3 && parts[1]?.contents[0] === 0);
  });
}

/** How a serial number stands in {@link RevocationList.revoked}. */
export function serialText(serial: Uint8Array): string {
  return Array.from(serial, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function refused(code: RevocationListError): RevocationListResult {
  return { ok: false, code };
}
