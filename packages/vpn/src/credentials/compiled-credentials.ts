import type { Identity, SignaturePolicy } from '@ipsec-kit/auth';
import type { KeyMaterial, SigningKey } from '@ipsec-kit/crypto';
import type { Certificate, RevalidationPolicy, RevocationList } from '@ipsec-kit/x509';
import type { CertificateSource } from '../options.ts';
import type { SignatureRule } from './signature-rule.ts';

/** A certificate of the configuration, and what people call it: the name of its file, or its place among the options. */
export interface NamedCertificate {
  readonly name: string;
  readonly certificate: Certificate;
}

/** A public key without a certificate. @see RFC 7670 */
export interface NamedPublicKey {
  readonly name: string;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
}

/** A raw public key that a peer may have. */
export interface TrustedKey extends NamedPublicKey {
  /** Whose it is; absent: of nobody with a name, so that only its key id will do. */
  readonly identity?: Identity;
}

/** A private key, or a file that holds keys (and certificates, where it is PKCS #12), not opened yet. */
export type KeySource =
  | { readonly kind: 'key'; readonly name: string; readonly key: SigningKey }
  | {
      readonly kind: 'file';
      readonly name: string;
      /** Of the file; it may not be encrypted. */
      readonly bytes: KeyMaterial;
      readonly password?: KeyMaterial;
    };

/** How this side of a connection signs. */
export interface OwnCredentials {
  readonly rule: SignatureRule;
  /** In order of preference; none: any that vouches for the identity. */
  readonly certificates: readonly NamedCertificate[];
  /** Raw ones, in order of preference, after the certificates. */
  readonly publicKeys: readonly NamedPublicKey[];
  readonly sendCertificates: 'ifasked' | 'always' | 'never';
  /** Whether a peer that asks for an OCSP response gets one. @see RFC 4806 */
  readonly sendsOcsp: boolean;
}

/** Which certificates are believed of the peers of a connection. */
export interface ChainTrust {
  readonly policy: SignaturePolicy;
  readonly anchors: readonly Certificate[];
  /** Names of the PKCS #12 files among the keys whose CAs are trusted as well, once those are open. */
  readonly containers: readonly string[];
  readonly revocation: 'strict' | 'ifuri' | 'relaxed';
  readonly revalidation: SessionRevalidation;
}

/** Whom this side of a connection believes. */
export interface PeerCredentials extends ChainTrust {
  readonly rule: SignatureRule;
  /** The peer's own certificates: it has to have one of these, and no CA is asked. */
  readonly pinned: readonly NamedCertificate[];
  /** Raw public keys that it may have instead; no CA is asked either. */
  readonly publicKeys: readonly TrustedKey[];
}

/** What is done about sessions that stand when their peer's certificate is looked at again. */
export interface SessionRevalidation {
  readonly policy: RevalidationPolicy;
  /** So often without a reason; absent: only for one. */
  readonly intervalMs?: number;
}

/** Where the CRLs and OCSP responders of a CA are, beside what its certificates say. */
export interface AuthorityPlaces {
  readonly subject: Uint8Array;
  readonly crlUrls: readonly string[];
  readonly ocspUrls: readonly string[];
}

/** Keys and certificates of a configuration. */
export interface CompiledCredentials {
  readonly keys: readonly KeySource[];
  /** Own certificates and intermediate CAs that no connection names. */
  readonly certificates: readonly NamedCertificate[];
  /** CAs, trusted or not: for own chains. */
  readonly authorities: readonly Certificate[];
  readonly places: readonly AuthorityPlaces[];
  readonly lists: readonly RevocationList[];
  /** Where those come from, for when they are to be read again; absent: they stay. */
  readonly listSource?: CertificateSource;
  /** By the name of the connection. */
  readonly own: ReadonlyMap<string, OwnCredentials>;
  readonly peers: ReadonlyMap<string, PeerCredentials>;
}
