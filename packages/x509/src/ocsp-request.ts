import { type CryptoProvider, DerTag, writeDer } from '@ipsec-kit/crypto';
import type { Certificate } from './certificate.ts';

/** Bytes of a nonce: what responders of today accept at least. @see RFC 6960 §4.4.1 */
export const OCSP_NONCE_BYTES = 16;

/** 1.3.6.1.5.5.7.48.1.2, id-pkix-ocsp-nonce */
const NONCE: Uint8Array = /* @__PURE__ */ Uint8Array.of(43, 6, 1, 5, 5, 7, 48, 1, 2);
/** 1.3.14.3.2.26 */
const SHA1: Uint8Array = /* @__PURE__ */ Uint8Array.of(43, 14, 3, 2, 26);
const REQUEST_EXTENSIONS = 0xa2;

/** The hashes by which OCSP names an issuer: SHA-1, which every responder has; nothing rests on its strength, since the
 * signature of the answer is checked with the issuer's own key. @see RFC 6960 §4.1.1, RFC 5019 §2.1.1
 */
export function issuerHashes(
  issuer: Certificate,
  crypto: Pick<CryptoProvider, 'sha1'>,
): { readonly nameHash: Uint8Array; readonly keyHash: Uint8Array } {
  return { nameHash: crypto.sha1(issuer.subject), keyHash: crypto.sha1(issuer.subjectKey) };
}

/** The OCSPRequest for one certificate, to be posted as `application/ocsp-request`. Not signed, and without a requestor name.
 * @param nonce - 1 to 32 random bytes, so that an old answer cannot be replayed; without it the answer may come from a cache.
 * @throws RangeError when the nonce has another length.
 * @see RFC 6960 §4.1, §4.4.1
 */
export function encodeOcspRequest(
  wish: {
    readonly certificate: Certificate;
    readonly issuer: Certificate;
    readonly nonce?: Uint8Array;
  },
  crypto: Pick<CryptoProvider, 'sha1'>,
): Uint8Array {
  const { certificate, issuer, nonce } = wish;
  if (nonce && (nonce.length === 0 || nonce.length > 32)) {
    throw new RangeError(`"nonce" expected 1 to 32 bytes, got ${nonce.length}`);
  }
  const { nameHash, keyHash } = issuerHashes(issuer, crypto);
  const certId = sequence(
    sequence(writeDer(DerTag.OBJECT_IDENTIFIER, SHA1), writeDer(DerTag.NULL)),
    writeDer(DerTag.OCTET_STRING, nameHash),
    writeDer(DerTag.OCTET_STRING, keyHash),
    writeDer(DerTag.INTEGER, certificate.serialNumber),
  );
  const list = sequence(sequence(certId));
  return sequence(sequence(list, ...(nonce ? [nonceExtension(nonce)] : [])));
}

function nonceExtension(nonce: Uint8Array): Uint8Array {
  const value = writeDer(DerTag.OCTET_STRING, writeDer(DerTag.OCTET_STRING, nonce));
  const extension = sequence(writeDer(DerTag.OBJECT_IDENTIFIER, NONCE), value);
  return writeDer(REQUEST_EXTENSIONS, sequence(extension));
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return writeDer(DerTag.SEQUENCE, ...parts);
}
