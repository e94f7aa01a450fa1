import {
  certificateVouchesFor,
  formatIdentity,
  type Identity,
  identityOfCertificate,
} from '@ipsec-kit/auth';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { IdType } from '@ipsec-kit/ikev2-codec';
import { keyIdsOf, namesOf } from '@ipsec-kit/x509';
import { namesText } from '../credentials/certificate-names.ts';
import type { NamedCertificate, NamedPublicKey } from '../credentials/compiled-credentials.ts';
import type { CertificateStore } from './compile-certificates.ts';
import { compileIdentity } from './compile-identity.ts';
import type { OptionChecks } from './option-checks.ts';

/** What says who this side is. */
export interface OwnSide {
  readonly kind: 'psk' | 'signature' | 'eap';
  readonly id: string | undefined;
  readonly certificates: readonly NamedCertificate[];
  readonly publicKeys: readonly NamedPublicKey[];
}

/** Compiles who this side is: what is configured, or what the first certificate says, or the key id of the first raw public key. A
 * certificate that is not for the identity is a mistake: every peer would refuse it.
 */
export function compileOwnIdentity(
  checks: OptionChecks,
  path: string,
  { kind, id, certificates, publicKeys }: OwnSide,
  store: CertificateStore,
): Identity | undefined {
  const configured = id === undefined ? undefined : compileIdentity(checks, `${path}.id`, id);
  if (kind === 'psk') return configured;
  // The name that EAP goes by is another matter, and without a certificate IDi may be anything.
  if (kind === 'eap' && (configured || certificates.length === 0)) return configured;
  const crypto = createNodeProvider();
  const [first] = certificates;
  if (!configured) {
    if (first) return identityOfCertificate(namesOf(first.certificate, crypto));
    const [key] = publicKeys;
    // strongSwan takes the hash of the whole.
    const data = key && keyIdsOf(key.publicKey, crypto)[1];
    if (data) return { idType: IdType.ID_KEY_ID, data };
    const sentence =
      'there is no certificate that says who this side is: write certs, or the id that one of the keys and certificates is for';
    checks.problem('missing-value', `${path}.certs`, sentence);
    return undefined;
  }
  const names = first && namesOf(first.certificate, crypto);
  if (names && !certificateVouchesFor(names, configured)) {
    const sentence = `${first.name} is not for ${formatIdentity(configured)}: it is for ${namesText(names)}; write one of these, or leave id out`;
    checks.problem('invalid-value', `${path}.id`, sentence);
  }
  if (certificates.length + publicKeys.length === 0 && store.keys.length === 0) {
    const sentence = `there is no private key for ${formatIdentity(configured)}: add one to the secrets, and its certificate`;
    checks.problem('missing-value', `${path}.certs`, sentence);
  }
  return configured;
}
