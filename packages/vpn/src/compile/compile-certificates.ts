import { DEFAULT_SIGNATURE_POLICY } from '@ipsec-kit/auth';
import { constantTimeEqual, KeyMaterial, readPublicKey } from '@ipsec-kit/crypto';
import {
  type Certificate,
  isPkcs12,
  type RevocationList,
  readCertificate,
  readPem,
  readRevocationList,
} from '@ipsec-kit/x509';
import type {
  ChainTrust,
  CompiledCredentials,
  KeySource,
  NamedCertificate,
  NamedPublicKey,
} from '../credentials/compiled-credentials.ts';
import type { AuthorityOptions, CertificateOptions, KeyOptions, VpnOptions } from '../options.ts';
import { isObject, OptionChecks } from './option-checks.ts';

/** The certificates and keys that are there for all connections. */
export type CertificateStore = Omit<CompiledCredentials, 'own' | 'peers'> & NamedTrust;

/** CAs that are trusted: where a connection names none of its own those of the store. */
export type NamedTrust = Pick<ChainTrust, 'anchors' | 'containers'>;

const MAX_CERTIFICATES = 1_000;
const MAX_KEYS = 1_000;
const { minimumRsaBits: MINIMUM_RSA_BITS } = DEFAULT_SIGNATURE_POLICY;

/** Reads the certificates of the options, and takes note of the keys. No sentence ever holds what is in a key. */
export function compileCertificates(checks: OptionChecks, options: VpnOptions): CertificateStore {
  const anchors: Certificate[] = [];
  const containers: string[] = [];
  const keys = compileKeys(checks, options.keys);
  const places: CompiledCredentials['places'][number][] = [];
  for (const [index, one] of listOf(checks, 'authorities', options.authorities).entries()) {
    const path = `authorities[${index}]`;
    const trust = compileAuthority(checks, path, one, keys);
    containers.push(...trust.containers);
    for (const certificate of trust.anchors) {
      anchors.push(certificate);
      const { subject } = certificate;
      const crlUrls = checks.strings(`${path}.crlUris`, one.crlUris);
      const ocspUrls = checks.strings(`${path}.ocspUris`, one.ocspUris);
      if (crlUrls.length + ocspUrls.length > 0) places.push({ subject, crlUrls, ocspUrls });
    }
  }
  if (options.crlSource !== undefined && typeof options.crlSource !== 'function') {
    checks.invalid('crlSource', 'a function that returns CRLs', options.crlSource);
  }
  const certificates = readCertificates(checks, 'certificates', options.certificates);
  const intermediates = certificates.map(({ certificate }) => certificate);
  return {
    keys,
    certificates,
    anchors,
    containers,
    authorities: [...anchors, ...intermediates.filter(({ extensions }) => extensions.isCa)],
    places,
    lists: readLists(checks, options.crls),
    ...(typeof options.crlSource === 'function' ? { listSource: options.crlSource } : {}),
  };
}

/** Reads CRLs anew, outside of a configuration.
 * @returns those that could be read, and a sentence for each that could not.
 */
export function readListsAgain(options: readonly CertificateOptions[]): {
  readonly lists: readonly RevocationList[];
  readonly faults: readonly string[];
} {
  const checks = new OptionChecks(new Map());
  const lists = readLists(checks, options);
  return { lists, faults: checks.problems.map(({ sentence }) => sentence) };
}

function compileAuthority(
  checks: OptionChecks,
  path: string,
  option: AuthorityOptions,
  keys: readonly KeySource[],
): NamedTrust {
  if (!isObject(option)) {
    checks.invalid(path, '{ cacert }', option);
    return { anchors: [], containers: [] };
  }
  checks.object(path, option, ['cacert', 'crlUris', 'ocspUris']);
  return readTrust(checks, `${path}.cacert`, [option.cacert], keys);
}

/** The CAs that a connection names, or those of the store. */
export function trustOf(
  checks: OptionChecks,
  path: string,
  options: readonly CertificateOptions[] | undefined,
  store: CertificateStore,
): NamedTrust {
  const named = readTrust(checks, path, options, store.keys);
  const isNamed = named.anchors.length + named.containers.length > 0;
  return isNamed ? named : { anchors: store.anchors, containers: store.containers };
}

/** CA certificates, and PKCS #12 files that stand among the keys as well, where their password is. */
function readTrust(
  checks: OptionChecks,
  path: string,
  options: readonly CertificateOptions[] | undefined,
  keys: readonly KeySource[],
): NamedTrust {
  const containers: string[] = [];
  const others = listOf(checks, path, options).filter((option) => {
    const { name, data } =
      isObject(option) && 'data' in option ? option : { name: path, data: option };
    if (!(data instanceof Uint8Array) || !isPkcs12(data)) return true;
    const key = keys.find(
      (one) => one.kind === 'file' && constantTimeEqual(one.bytes.reveal(), data),
    );
    if (key) containers.push(key.name);
    else {
      const sentence = `${name} is a PKCS #12 file: name it among the secrets as well, with its password`;
      checks.problem('missing-value', path, sentence);
    }
    return false;
  });
  return { anchors: readAuthorities(checks, path, others), containers };
}

/** CA certificates; one that is none is a mistake. */
function readAuthorities(
  checks: OptionChecks,
  path: string,
  options: readonly CertificateOptions[],
): readonly Certificate[] {
  return readCertificates(checks, path, options).flatMap(({ name, certificate }) => {
    if (certificate.extensions.isCa) return [certificate];
    const sentence = `${name} is not the certificate of a CA: name that of the CA which issued it`;
    checks.problem('invalid-value', path, sentence);
    return [];
  });
}

/** Certificates, those of a list one after the other. */
export function readCertificates(
  checks: OptionChecks,
  path: string,
  options: readonly CertificateOptions[] | undefined,
): readonly NamedCertificate[] {
  return listOf(checks, path, options).flatMap((option, index) =>
    blocksOf(checks, `${path}[${index}]`, option, 'CERTIFICATE').flatMap(({ name, der }) => {
      const read = readCertificate(der);
      if (read.ok) return [{ name, certificate: read.certificate }];
      const sentence = `${name} holds a certificate that ${WORDS[read.code]}`;
      checks.problem('invalid-value', `${path}[${index}]`, sentence);
      return [];
    }),
  );
}

/** Raw public keys. @see RFC 7670 */
export function readPublicKeys(
  checks: OptionChecks,
  path: string,
  options: readonly CertificateOptions[] | undefined,
): readonly NamedPublicKey[] {
  return listOf(checks, path, options).flatMap((option, index) =>
    blocksOf(checks, `${path}[${index}]`, option, 'PUBLIC KEY').flatMap(({ name, der }) => {
      const read = readPublicKey(der);
      const isWeak = read.ok && read.key.kind === 'rsa' && read.key.bits < MINIMUM_RSA_BITS;
      if (read.ok && !isWeak) return [{ name, publicKey: der }];
      const why = read.ok
        ? `an RSA key below ${MINIMUM_RSA_BITS} bits`
        : `a key that is ${read.code}`;
      checks.problem('invalid-value', `${path}[${index}]`, `${name} holds ${why}`);
      return [];
    }),
  );
}

const WORDS = {
  'too-large': 'is larger than 16 kB',
  malformed: 'cannot be read',
  unsupported: 'has a key or a signature of an unknown kind',
} as const;

function readLists(
  checks: OptionChecks,
  options: readonly CertificateOptions[] | undefined,
): readonly RevocationList[] {
  return listOf(checks, 'crls', options).flatMap((option, index) =>
    blocksOf(checks, `crls[${index}]`, option, 'X509 CRL').flatMap(({ name, der }) => {
      const read = readRevocationList(der);
      if (read.ok) return [read.list];
      checks.problem('invalid-value', `crls[${index}]`, `${name} holds a CRL that is ${read.code}`);
      return [];
    }),
  );
}

function blocksOf(
  checks: OptionChecks,
  path: string,
  option: CertificateOptions,
  label: keyof typeof LABELS,
): readonly { readonly name: string; readonly der: Uint8Array }[] {
  const named = isObject(option) ? option : { name: undefined, data: option };
  const { name = path, data } = named;
  if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
    checks.invalid(path, `a ${LABELS[label]} in PEM or DER`, data);
    return [];
  }
  if (typeof data !== 'string' && isPkcs12(data)) {
    const sentence = `${name} is a PKCS #12 file: name it in the secrets with its password, and leave it out here`;
    checks.problem('invalid-value', path, sentence);
    return [];
  }
  const text = typeof data === 'string' ? data : textOf(data);
  if (text === undefined && typeof data !== 'string') return [{ name, der: Uint8Array.from(data) }];
  const blocks = (readPem(text ?? '') ?? []).filter((block) => block.label === label);
  if (blocks.length === 0) {
    checks.problem('invalid-value', path, `${name} holds no ${LABELS[label]} in PEM or DER`);
  }
  return blocks.map(({ der }) => ({ name, der }));
}

/** What the blocks of PEM are called. */
const LABELS = {
  CERTIFICATE: 'certificate',
  'X509 CRL': 'CRL',
  'PUBLIC KEY': 'public key',
} as const;

/** PEM that came as bytes; `undefined` for DER. */
function textOf(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0x30) return undefined;
  return new TextDecoder('latin1').decode(bytes);
}

function compileKeys(
  checks: OptionChecks,
  options: readonly KeyOptions[] | undefined,
): readonly KeySource[] {
  const list = listOf(checks, 'keys', options);
  if (list.length > MAX_KEYS) checks.problem('invalid-value', 'keys', `at most ${MAX_KEYS} keys`);
  return list.slice(0, MAX_KEYS).flatMap((option, index): readonly KeySource[] => {
    const path = `keys[${index}]`;
    if (!isObject(option)) {
      checks.problem('invalid-value', path, 'expected { data, secret } or { key }');
      return [];
    }
    if ('key' in option) {
      checks.object(path, option, ['key', 'name']);
      return [{ kind: 'key', name: option.name ?? path, key: option.key }];
    }
    checks.object(path, option, ['data', 'name', 'secret']);
    const bytes = bytesOf(option.data);
    if (!bytes) {
      checks.problem('invalid-value', `${path}.data`, 'expected a private key as text or bytes');
      return [];
    }
    const secret = bytesOf(option.secret);
    const password = secret && { password: new KeyMaterial(secret) };
    return [
      { kind: 'file', name: option.name ?? path, bytes: new KeyMaterial(bytes), ...password },
    ];
  });
}

/** A copy, since key material takes its bytes over. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  return value instanceof Uint8Array ? Uint8Array.from(value) : undefined;
}

function listOf<T>(
  checks: OptionChecks,
  path: string,
  value: readonly T[] | undefined,
): readonly T[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.length <= MAX_CERTIFICATES) return value;
  checks.problem('invalid-value', path, `expected a list of at most ${MAX_CERTIFICATES}`);
  return [];
}
