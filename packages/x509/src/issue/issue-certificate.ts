import {
  type CryptoProvider,
  DerTag,
  type RandomSource,
  readDerValues,
  readWholeDer,
  type SigningKey,
  writeDer,
} from '@ipsec-kit/crypto';
import { IdType } from '@ipsec-kit/ikev2-codec';
import type { Certificate } from '../certificate.ts';
import { KeyPurpose, KeyUsage } from '../certificate-extensions.ts';
import {
  asciiBytes,
  authorityKeyId,
  extension,
  objectIdentifier,
  sequence,
  signed,
  unsignedInteger,
  writeX509Time,
} from './der-values.ts';

/** What a certificate is for. */
export type CertificateRole = 'ca' | 'server' | 'client';

/** A name of the subjectAltName: an identity of type ID_FQDN, ID_RFC822_ADDR, ID_IPV4_ADDR or ID_IPV6_ADDR. */
export interface AltName {
  readonly idType: number;
  readonly data: Uint8Array;
}

/** A certificate that is wanted. */
export interface CertificateWish {
  readonly role: CertificateRole;
  /** A Name in DER. */
  readonly subject: Uint8Array;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
  /** What the peer is told with IDi or IDr has to be among them, or the subject (RFC 4945 §3.1). */
  readonly altNames: readonly AltName[];
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
  /** Whose key signs. */
  readonly signer: SigningKey;
  /** The certificate of that key; absent: the certificate is its own issuer, a root. */
  readonly issuer?: Certificate;
  /** Where CRLs of the issuer can be fetched, in ASCII. */
  readonly crlUrl?: string;
}

const SERIAL_BYTES = 16;
const URI_NAME = 0x86;
const ALT_NAME_TAGS: Readonly<Record<number, number>> = {
  [IdType.ID_RFC822_ADDR]: 0x81,
  [IdType.ID_FQDN]: 0x82,
  [IdType.ID_IPV4_ADDR]: 0x87,
  [IdType.ID_IPV6_ADDR]: 0x87,
};
/** Servers are asked for serverAuth by Windows and Apple, and by old Apple systems for iKEIntermediate too. */
const PURPOSES: Readonly<Record<CertificateRole, readonly string[]>> = {
  ca: [],
  server: [KeyPurpose.SERVER_AUTH, KeyPurpose.IKE_INTERMEDIATE],
  client: [KeyPurpose.CLIENT_AUTH],
};

/** Makes an X.509 certificate of version 3 for IKEv2, with a random serial number of 126 bits.
 * A CA may sign peers, but no further CA; a peer's certificate says digitalSignature and its purpose.
 * @returns the certificate in DER.
 * @throws RangeError for an alternative name of another type, an empty validity, or a peer without any name.
 * @see RFC 5280 §4.1, §4.2, RFC 4945 §5.1.3
 */
export async function issueCertificate(
  wish: CertificateWish,
  random: RandomSource,
  crypto: Pick<CryptoProvider, 'sha1'>,
): Promise<Uint8Array> {
  if (wish.notAfterMs <= wish.notBeforeMs) {
    throw new RangeError('"notAfterMs" expected a time after "notBeforeMs"');
  }
  const serial = randomSerial(random);
  return signed(wish.signer, (algorithm) =>
    sequence(
      writeDer(0xa0, unsignedInteger(2)),
      writeDer(DerTag.INTEGER, serial),
      algorithm,
      wish.issuer?.subject ?? wish.subject,
      sequence(writeX509Time(wish.notBeforeMs), writeX509Time(wish.notAfterMs)),
      wish.subject,
      wish.publicKey,
      writeDer(0xa3, sequence(...extensionsOf(wish, crypto))),
    ),
  );
}

function extensionsOf(
  wish: CertificateWish,
  crypto: Pick<CryptoProvider, 'sha1'>,
): readonly Uint8Array[] {
  const { role, altNames, issuer, crlUrl } = wish;
  const isCa = role === 'ca';
  const ownKeyId = keyIdOf(wish.publicKey, crypto);
  const issuerKeyId = issuer
    ? (issuer.extensions.subjectKeyId ?? crypto.sha1(issuer.subjectKey))
    : ownKeyId;
  const purposes = PURPOSES[role].map(objectIdentifier);
  return [
    isCa ? CA_CONSTRAINTS : extension('551d13', true, sequence()),
    // RFC 5280 §4.2.1.3: a CA may sign certificates and CRLs, and nothing else. RFC 4945 §5.1.3.2: a peer signs AUTH.
    isCa ? usage(KeyUsage.CERT_SIGN | KeyUsage.CRL_SIGN, 1) : usage(KeyUsage.DIGITAL_SIGNATURE, 7),
    ...(purposes.length === 0 ? [] : [extension('551d25', false, sequence(...purposes))]),
    ...(altNames.length === 0 ? [] : [alternativeNames(wish)]),
    extension('551d0e', false, writeDer(DerTag.OCTET_STRING, ownKeyId)),
    authorityKeyId(issuerKeyId),
    ...(crlUrl === undefined ? [] : [distributionPoint(crlUrl)]),
  ];
}

/** pathLenConstraint 0: no CA below this one. @see RFC 5280 §4.2.1.9 */
const CA_CONSTRAINTS: Uint8Array = /* @__PURE__ */ extension(
  '551d13',
  true,
  /* @__PURE__ */ sequence(
    /* @__PURE__ */ writeDer(DerTag.BOOLEAN, /* @__PURE__ */ Uint8Array.of(0xff)),
    /* @__PURE__ */ unsignedInteger(0),
  ),
);

/** @param unusedBits - DER leaves out zero bits at the end. */
function usage(bits: number, unusedBits: number): Uint8Array {
  return extension('551d0f', true, writeDer(DerTag.BIT_STRING, Uint8Array.of(unusedBits, bits)));
}

function alternativeNames({ altNames, subject }: CertificateWish): Uint8Array {
  const names = altNames.map(({ idType, data }) => {
    const tag = ALT_NAME_TAGS[idType];
    if (tag === undefined) {
      throw new RangeError(
        `"altNames" expected FQDN, e-mail or address, got identity type ${idType}`,
      );
    }
    return writeDer(tag, data);
  });
  // RFC 5280 §4.2.1.6: critical when the subject is empty.
  return extension('551d11', subject.length <= 2, sequence(...names));
}

/** @see RFC 5280 §4.2.1.13 */
function distributionPoint(url: string): Uint8Array {
  const name = writeDer(URI_NAME, asciiBytes(url));
  return extension('551d1f', false, sequence(sequence(writeDer(0xa0, writeDer(0xa0, name)))));
}

/** @see RFC 5280 §4.2.1.2 (method 1) */
function keyIdOf(publicKey: Uint8Array, crypto: Pick<CryptoProvider, 'sha1'>): Uint8Array {
  const outer = readWholeDer(publicKey, DerTag.SEQUENCE);
  const bits = outer && readDerValues(outer.contents, 2)?.[1];
  if (bits === undefined) throw new RangeError('"publicKey" expected a SubjectPublicKeyInfo');
  return crypto.sha1(bits.contents.subarray(1));
}

/** Positive, and of always the same length. @see RFC 5280 §4.1.2.2 */
function randomSerial(random: RandomSource): Uint8Array {
  const serial = new Uint8Array(SERIAL_BYTES);
  random.fill(serial);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}
