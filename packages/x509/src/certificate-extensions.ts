import { DerTag, readDerValues, readWholeDer } from '@ipsec-kit/crypto';
import { IdType } from '@ipsec-kit/ikev2-codec';
import {
  type GeneralName,
  type NameConstraints,
  NameForm,
  readNameConstraints,
} from './name-constraints.ts';
import { readCrlUrls, readOcspUrls } from './revocation-urls.ts';

/** What the extensions of a certificate say, as far as IKEv2 looks at them. @see RFC 5280 §4.2 */
export interface CertificateExtensions {
  readonly isCa: boolean;
  /** How many CA certificates may follow below it; absent: any number. */
  readonly pathLength?: number;
  /** The bits of keyUsage (bit 0 is the highest of the first byte), or `undefined` when every usage is allowed. */
  readonly keyUsage?: number;
  /** OBJECT IDENTIFIERs of extKeyUsage in hexadecimal, or `undefined` when every purpose is allowed. */
  readonly purposes?: readonly string[];
  /** Names as identities: ID_FQDN, ID_RFC822_ADDR, ID_IPV4_ADDR, ID_IPV6_ADDR. */
  readonly altNames: readonly { readonly idType: number; readonly data: Uint8Array }[];
  /** The subjectAltName as it stands, names of all forms. */
  readonly generalNames: readonly GeneralName[];
  readonly nameConstraints?: NameConstraints;
  readonly subjectKeyId?: Uint8Array;
  readonly authorityKeyId?: Uint8Array;
  /** Where OCSP responders answer for it, and where CRLs of its CA lie: `http:` and `https:` alone, untrusted text, at most 8. */
  readonly ocspUrls: readonly string[];
  readonly crlUrls: readonly string[];
  /** Whether there is a critical extension that nobody here understands: the certificate is not to be used (§4.2). */
  readonly hasUnknownCritical: boolean;
}

/** Bits of keyUsage. @see RFC 5280 §4.2.1.3 */
export const KeyUsage = {
  DIGITAL_SIGNATURE: 0x80,
  NON_REPUDIATION: 0x40,
  CERT_SIGN: 0x04,
  CRL_SIGN: 0x02,
} as const;

/** Purposes of extKeyUsage, in hexadecimal. @see RFC 5280 §4.2.1.12, RFC 4945 §5.1.3.12 */
export const KeyPurpose = {
  ANY: '551d2500',
  SERVER_AUTH: '2b06010505070301',
  CLIENT_AUTH: '2b06010505070302',
  OCSP_SIGNING: '2b06010505070309',
  IKE: '2b06010505070311',
  /** iKEIntermediate of Apple and Microsoft */
  IKE_INTERMEDIATE: '2b06010505080202',
} as const;

const MAX_EXTENSIONS = 64;
const MAX_NAMES = 256;

const OID = {
  SUBJECT_KEY_ID: '551d0e',
  KEY_USAGE: '551d0f',
  ALT_NAME: '551d11',
  BASIC_CONSTRAINTS: '551d13',
  NAME_CONSTRAINTS: '551d1e',
  POLICIES: '551d20',
  POLICY_MAPPINGS: '551d21',
  AUTHORITY_KEY_ID: '551d23',
  POLICY_CONSTRAINTS: '551d24',
  PURPOSES: '551d25',
  INHIBIT_ANY_POLICY: '551d36',
  CRL_DISTRIBUTION_POINTS: '551d1f',
  AUTHORITY_INFO_ACCESS: '2b06010505070101',
} as const;

/** Extensions that the path check of pkijs sees to. */
const CHECKED_ELSEWHERE: readonly string[] = [
  OID.POLICIES,
  OID.POLICY_MAPPINGS,
  OID.POLICY_CONSTRAINTS,
  OID.INHIBIT_ANY_POLICY,
];

/** Reads the contents of the extensions field; none at all is a certificate of version 1.
 * @returns `undefined` when one is malformed, or stands there twice (§4.2).
 */
export function readExtensions(field: Uint8Array | undefined): CertificateExtensions | undefined {
  const result: Mutable = {
    isCa: false,
    altNames: [],
    generalNames: [],
    ocspUrls: [],
    crlUrls: [],
    hasUnknownCritical: false,
  };
  if (field === undefined) return result;
  const list = readWholeDer(field, DerTag.SEQUENCE);
  const extensions = list && readDerValues(list.contents, MAX_EXTENSIONS);
  if (extensions === undefined) return undefined;
  const seen = new Set<string>();
  for (const { tag, contents } of extensions) {
    const parts = tag === DerTag.SEQUENCE ? readDerValues(contents, 3) : undefined;
    const [id, ...rest] = parts ?? [];
    const value = rest.at(-1);
    if (id?.tag !== DerTag.OBJECT_IDENTIFIER || value?.tag !== DerTag.OCTET_STRING)
      return undefined;
    const oid = hexOf(id.contents);
    if (seen.has(oid)) return undefined;
    seen.add(oid);
    const isCritical =
      rest.length === 2 && rest[0]?.tag === DerTag.BOOLEAN && rest[0].contents[0] !== 0;
    const outcome = readExtension(result, oid, value.contents);
    if (outcome === 'malformed') return undefined;
    if (outcome === 'unknown' && isCritical) result.hasUnknownCritical = true;
  }
  return result;
}

type Mutable = { -readonly [K in keyof CertificateExtensions]: CertificateExtensions[K] };

function readExtension(
  result: Mutable,
  oid: string,
  value: Uint8Array,
): 'read' | 'unknown' | 'malformed' {
  switch (oid) {
    case OID.SUBJECT_KEY_ID: {
      const id = readWholeDer(value, DerTag.OCTET_STRING);
      if (id === undefined) return 'malformed';
      result.subjectKeyId = id.contents;
      return 'read';
    }
    case OID.AUTHORITY_KEY_ID: {
      const sequence = readWholeDer(value, DerTag.SEQUENCE);
      const fields = sequence && readDerValues(sequence.contents, 3);
      if (fields === undefined) return 'malformed';
      const id = fields.find(({ tag }) => tag === 0x80);
      if (id) result.authorityKeyId = id.contents;
      return 'read';
    }
    case OID.KEY_USAGE: {
      const bits = readWholeDer(value, DerTag.BIT_STRING);
      const [unused, first] = bits?.contents ?? [];
      if (unused === undefined || unused > 7) return 'malformed';
      result.keyUsage = first ?? 0;
      return 'read';
    }
    case OID.BASIC_CONSTRAINTS:
      return readBasicConstraints(result, value);
    case OID.PURPOSES: {
      const sequence = readWholeDer(value, DerTag.SEQUENCE);
      const purposes = sequence && readDerValues(sequence.contents, MAX_EXTENSIONS);
      if (!purposes?.every(({ tag }) => tag === DerTag.OBJECT_IDENTIFIER)) return 'malformed';
      result.purposes = purposes.map(({ contents }) => hexOf(contents));
      return 'read';
    }
    case OID.NAME_CONSTRAINTS: {
      const constraints = readNameConstraints(value);
      if (constraints === undefined) return 'malformed';
      result.nameConstraints = constraints;
      return 'read';
    }
    case OID.ALT_NAME:
      return readAltNames(result, value);
    case OID.AUTHORITY_INFO_ACCESS:
      result.ocspUrls = readOcspUrls(value);
      return 'read';
    case OID.CRL_DISTRIBUTION_POINTS:
      result.crlUrls = readCrlUrls(value);
      return 'read';
    default:
      return CHECKED_ELSEWHERE.includes(oid) ? 'read' : 'unknown';
  }
}

function readBasicConstraints(result: Mutable, value: Uint8Array): 'read' | 'malformed' {
  const sequence = readWholeDer(value, DerTag.SEQUENCE);
  const fields = sequence && readDerValues(sequence.contents, 2);
  if (fields === undefined) return 'malformed';
  for (const { tag, contents } of fields) {
    const [byte = 0] = contents;
    if (tag === DerTag.BOOLEAN && contents.length === 1) result.isCa = byte !== 0;
    // A longer or negative number says nothing that can be kept to.
    else if (tag === DerTag.INTEGER && contents.length === 1 && byte < 0x80)
      result.pathLength = byte;
    else return 'malformed';
  }
  return 'read';
}

/** Forms of GeneralName that are identities as they stand. @see RFC 5280 §4.2.1.6 */
const GENERAL_NAME: Readonly<Record<number, number>> = {
  [NameForm.EMAIL]: IdType.ID_RFC822_ADDR,
  [NameForm.DNS]: IdType.ID_FQDN,
};

function readAltNames(result: Mutable, value: Uint8Array): 'read' | 'malformed' {
  const sequence = readWholeDer(value, DerTag.SEQUENCE);
  const names = sequence && readDerValues(sequence.contents, MAX_NAMES);
  if (names === undefined) return 'malformed';
  result.generalNames = names.map(({ tag, contents }) => ({ tag, contents }));
  result.altNames = names.flatMap(({ tag, contents: data }) => {
    if (tag === NameForm.IP && data.length === 4) return [{ idType: IdType.ID_IPV4_ADDR, data }];
    if (tag === NameForm.IP && data.length === 16) return [{ idType: IdType.ID_IPV6_ADDR, data }];
    const idType = GENERAL_NAME[tag];
    return idType === undefined ? [] : [{ idType, data }];
  });
  return 'read';
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
