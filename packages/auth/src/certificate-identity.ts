import { bytesEqual } from '@ipsec-kit/crypto';
import { IdType } from '@ipsec-kit/ikev2-codec';
import { identitiesEqual } from './identities-equal.ts';
import type { Identity } from './identity.ts';

/** The names that a certificate binds to its key. */
export interface CertificateNames {
  /** The subject, a Name in DER; an empty SEQUENCE when the certificate has alternative names only. */
  readonly subject: Uint8Array;
  /** The subjectAltName as identities: dNSName as ID_FQDN, rfc822Name as ID_RFC822_ADDR, iPAddress as ID_IPV4_ADDR or ID_IPV6_ADDR. */
  readonly altNames: readonly Identity[];
  /** What a key id may be: the subjectKeyIdentifier, the SHA-1 of the public key, and that of its SubjectPublicKeyInfo. */
  readonly keyIds: readonly Uint8Array[];
}

/** Whether a certificate says that its holder is `identity`.
 * FQDN, e-mail address and addresses are looked for in the subjectAltName alone, never in the subject's CN (RFC 4945 §3.1.1-§3.1.3);
 * a name in a certificate stands for itself: a `*` in it is no wildcard.
 * A distinguished name has to be the subject (§3.1.5), a key id one of `keyIds`, as strongSwan has it.
 * Every other type is refused (§3.1.6-§3.1.8).
 */
export function certificateVouchesFor(names: CertificateNames, identity: Identity): boolean {
  switch (identity.idType) {
    case IdType.ID_FQDN:
    case IdType.ID_RFC822_ADDR:
    case IdType.ID_IPV4_ADDR:
    case IdType.ID_IPV6_ADDR:
      return names.altNames.some((name) => identitiesEqual(name, identity));
    case IdType.ID_DER_ASN1_DN:
      // An empty subject names nobody, so it is not equal to the empty name of someone else.
      return (
        !hasEmptySubject(names) &&
        identitiesEqual({ idType: IdType.ID_DER_ASN1_DN, data: names.subject }, identity)
      );
    case IdType.ID_KEY_ID:
      return names.keyIds.some((keyId) => bytesEqual(keyId, identity.data));
    default:
      return false;
  }
}

/** The identity to present with a certificate when the configuration names none: its subject,
 * or its first alternative name when the subject is empty.
 */
export function identityOfCertificate(names: CertificateNames): Identity | undefined {
  return hasEmptySubject(names)
    ? names.altNames[0]
    : { idType: IdType.ID_DER_ASN1_DN, data: names.subject };
}

function hasEmptySubject({ subject }: CertificateNames): boolean {
  return subject.length <= EMPTY_NAME_BYTES;
}

/** An empty SEQUENCE. */
const EMPTY_NAME_BYTES = 2;
