import { type CryptoProvider, DerTag, type SigningKey, writeDer } from '@ipsec-kit/crypto';
import type { Certificate } from '../certificate.ts';
import {
  authorityKeyId,
  extension,
  sequence,
  signed,
  unsignedInteger,
  writeX509Time,
} from './der-values.ts';

/** Why a certificate is not to be believed any more. @see RFC 5280 §5.3.1 */
export const RevocationReason = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
} as const;

/** The name of a {@link RevocationReason}. */
export type RevocationReasonName = keyof typeof RevocationReason;

/** One revoked certificate. */
export interface RevokedCertificate {
  /** Contents of the INTEGER, as `Certificate.serialNumber` has them. */
  readonly serialNumber: Uint8Array;
  /** Milliseconds since 1970. */
  readonly revokedAtMs: number;
  readonly reason: RevocationReasonName;
}

/** A CRL that is wanted. */
export interface RevocationListWish {
  /** The CA, and its key. */
  readonly issuer: Certificate;
  readonly signer: SigningKey;
  readonly revoked: readonly RevokedCertificate[];
  /** Milliseconds since 1970. */
  readonly thisUpdateMs: number;
  /** Milliseconds since 1970: from then on the list is stale. */
  readonly nextUpdateMs: number;
  /** Grows with every list of the CA. */
  readonly number: number;
}

/** Makes a complete CRL of version 2. @returns it in DER. @see RFC 5280 §5.1, §5.2.1, §5.2.3, §5.3.1 */
export function issueRevocationList(
  wish: RevocationListWish,
  crypto: Pick<CryptoProvider, 'sha1'>,
): Promise<Uint8Array> {
  const { issuer } = wish;
  const keyId = issuer.extensions.subjectKeyId ?? crypto.sha1(issuer.subjectKey);
  // RFC 5280 §5.1.2.6: without a revoked certificate the list MUST be absent.
  const entries = wish.revoked.length === 0 ? [] : [sequence(...wish.revoked.map(entry))];
  return signed(wish.signer, (algorithm) =>
    sequence(
      unsignedInteger(1),
      algorithm,
      issuer.subject,
      writeX509Time(wish.thisUpdateMs),
      writeX509Time(wish.nextUpdateMs),
      ...entries,
      writeDer(
        0xa0,
        sequence(authorityKeyId(keyId), extension('551d14', false, unsignedInteger(wish.number))),
      ),
    ),
  );
}

function entry({ serialNumber, revokedAtMs, reason }: RevokedCertificate): Uint8Array {
  const code = RevocationReason[reason];
  // RFC 5280 §5.3.1: unspecified SHOULD be said by saying nothing.
  const extensions =
    code === RevocationReason.unspecified
      ? []
      : [sequence(extension('551d15', false, writeDer(ENUMERATED, Uint8Array.of(code))))];
  return sequence(
    writeDer(DerTag.INTEGER, serialNumber),
    writeX509Time(revokedAtMs),
    ...extensions,
  );
}

const ENUMERATED = 0x0a;
