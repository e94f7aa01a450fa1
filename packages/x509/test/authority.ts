import { generateKeyPairSync } from 'node:crypto';
import {
  DerTag,
  encodeSignatureAlgorithm,
  KeyMaterial,
  type SignatureAlgorithm,
  type SigningKey,
  writeDer,
} from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import { type Certificate, readCertificate } from '@ipsec-kit/x509';

export const hex = (digits: string): Uint8Array =>
  Uint8Array.from(Buffer.from(digits.replace(/\s+/g, ''), 'hex'));
export const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value));
const sequence = (...parts: Uint8Array[]): Uint8Array => writeDer(DerTag.SEQUENCE, ...parts);
const oid = (digits: string): Uint8Array => writeDer(DerTag.OBJECT_IDENTIFIER, hex(digits));

/** A distinguished name of one CN. */
export function nameOf(commonName: string): Uint8Array {
  if (commonName === '') return sequence();
  const pair = sequence(oid('550403'), writeDer(DerTag.UTF8_STRING, text(commonName)));
  return sequence(writeDer(DerTag.SET, pair));
}

/** A key pair of the kind. */
export function makeKey(kind: 'ec' | 'rsa' | 'rsa1024' | 'ed25519' | 'ed448' = 'ec'): SigningKey {
  const pair =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : kind === 'ed448'
          ? generateKeyPairSync('ed448')
          : generateKeyPairSync('rsa', { modulusLength: kind === 'rsa' ? 2048 : 1024 });
  const pkcs8 = pair.privateKey.export({ format: 'der', type: 'pkcs8' });
  const result = createNodeSignatures().importPrivateKey(new KeyMaterial(Uint8Array.from(pkcs8)));
  if (!result.ok) throw new Error(result.code);
  return result.key;
}

/** How a key signs here, unless said otherwise. */
export function algorithmOf(key: SigningKey): SignatureAlgorithm {
  switch (key.info.kind) {
    case 'ecdsa':
      return { kind: 'ecdsa', hash: 'sha256', format: 'der' };
    case 'rsa':
      return { kind: 'rsa-pkcs1', hash: 'sha256' };
    default:
      return { kind: key.info.kind };
  }
}

export const extension = (id: string, critical: boolean, value: Uint8Array): Uint8Array =>
  sequence(
    oid(id),
    ...(critical ? [writeDer(DerTag.BOOLEAN, Uint8Array.of(255))] : []),
    writeDer(DerTag.OCTET_STRING, value),
  );
export const basicConstraints = (isCa: boolean, pathLength?: number): Uint8Array =>
  extension(
    '551d13',
    true,
    sequence(
      ...(isCa ? [writeDer(DerTag.BOOLEAN, Uint8Array.of(255))] : []),
      ...(pathLength === undefined ? [] : [writeDer(DerTag.INTEGER, Uint8Array.of(pathLength))]),
    ),
  );
export const keyUsage = (bits: number): Uint8Array =>
  extension('551d0f', true, writeDer(DerTag.BIT_STRING, Uint8Array.of(0, bits)));
export const purposes = (...ids: string[]): Uint8Array =>
  extension('551d25', false, sequence(...ids.map(oid)));
/** GeneralNames by tag: 0x81 e-mail, 0x82 DNS, 0x87 address. */
export const altNames = (...names: (readonly [number, Uint8Array])[]): Uint8Array =>
  extension('551d11', false, sequence(...names.map(([tag, value]) => writeDer(tag, value))));
/** @param kind - 0xa0 permitted, 0xa1 excluded */
export const nameConstraints = (
  kind: number,
  ...bases: (readonly [number, Uint8Array])[]
): Uint8Array =>
  extension(
    '551d1e',
    true,
    sequence(writeDer(kind, ...bases.map(([tag, base]) => sequence(writeDer(tag, base))))),
  );

export const T0: number = Date.UTC(2026, 0, 1);
export const DAY = 86_400_000;

function timeOf(ms: number): Uint8Array {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return writeDer(0x17, text(`${digits}Z`));
}

export interface Wish {
  readonly subject: string;
  readonly issuer: string;
  /** The subject's. */
  readonly key: SigningKey;
  /** The issuer's. */
  readonly by: SigningKey;
  readonly algorithm?: SignatureAlgorithm;
  readonly serial?: number;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly extensions?: readonly Uint8Array[];
}

/** Makes a certificate in DER. */
export async function issueDer(wish: Wish): Promise<Uint8Array> {
  const algorithm = wish.algorithm ?? algorithmOf(wish.by);
  const identifier = encodeSignatureAlgorithm(algorithm);
  const tbs = sequence(
    writeDer(0xa0, writeDer(DerTag.INTEGER, Uint8Array.of(2))),
    writeDer(DerTag.INTEGER, Uint8Array.of(wish.serial ?? 1)),
    identifier,
    nameOf(wish.issuer),
    sequence(timeOf(wish.fromMs ?? T0), timeOf(wish.toMs ?? T0 + 365 * DAY)),
    nameOf(wish.subject),
    wish.key.publicKey,
    ...(wish.extensions ? [writeDer(0xa3, sequence(...wish.extensions))] : []),
  );
  const signature = await wish.by.sign(algorithm, tbs);
  return sequence(tbs, identifier, writeDer(DerTag.BIT_STRING, Uint8Array.of(0), signature));
}

/** Makes a certificate and reads it. */
export async function issue(wish: Wish): Promise<Certificate> {
  return read(await issueDer(wish));
}

export function read(der: Uint8Array): Certificate {
  const result = readCertificate(der);
  if (!result.ok) throw new Error(result.code);
  return result.certificate;
}

/** Makes a CRL in DER. */
export async function issueList(wish: {
  readonly issuer: string;
  readonly by: SigningKey;
  readonly serials: readonly number[];
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly extensions?: readonly Uint8Array[];
  readonly algorithm?: SignatureAlgorithm;
}): Promise<Uint8Array> {
  const algorithm = wish.algorithm ?? algorithmOf(wish.by);
  const identifier = encodeSignatureAlgorithm(algorithm);
  const entries = wish.serials.map((serial) =>
    sequence(writeDer(DerTag.INTEGER, Uint8Array.of(serial)), timeOf(T0)),
  );
  const tbs = sequence(
    writeDer(DerTag.INTEGER, Uint8Array.of(1)),
    identifier,
    nameOf(wish.issuer),
    timeOf(wish.fromMs ?? T0),
    timeOf(wish.toMs ?? T0 + 30 * DAY),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    ...(wish.extensions ? [writeDer(0xa0, sequence(...wish.extensions))] : []),
  );
  const signature = await wish.by.sign(algorithm, tbs);
  return sequence(tbs, identifier, writeDer(DerTag.BIT_STRING, Uint8Array.of(0), signature));
}
