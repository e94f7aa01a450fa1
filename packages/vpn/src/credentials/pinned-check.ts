import { certificateVouchesFor, type Identity, identitiesEqual } from '@ipsec-kit/auth';
import { bytesEqual } from '@ipsec-kit/crypto';
import type { PeerVerdict, VerifyPeerRequest } from '@ipsec-kit/ikev2';
import { CertEncoding, IdType } from '@ipsec-kit/ikev2-codec';
import { checkRawPublicKey, namesOf } from '@ipsec-kit/x509';
import { namesText } from './certificate-names.ts';
import type { NamedCertificate, PeerCredentials, TrustedKey } from './compiled-credentials.ts';
import type { PathCheckOptions } from './path-check.ts';
import { type PeerBelief, refuse } from './peer-belief.ts';
import { isInTime, proofOfPinned } from './peer-proof.ts';
import { checkSignature } from './peer-signature.ts';

/** Checks a peer whose certificates or raw public keys are configured: no CA is asked, and each of them that may be the peer's is tried.
 * @see RFC 7670 §3
 */
export async function checkPinned(
  options: PathCheckOptions,
  peer: PeerCredentials,
  request: VerifyPeerRequest,
): Promise<PeerBelief> {
  const certificate = offered(request, CertEncoding.X509_CERTIFICATE_SIGNATURE);
  const key = offered(request, CertEncoding.RAW_PUBLIC_KEY);
  let refusal: PeerBelief | undefined;
  for (const one of peer.pinned) {
    if (certificate && !bytesEqual(one.certificate.der, certificate)) continue;
    const belief = await checkOneCertificate(options, peer, request, one);
    if (belief.ok) return belief;
    refusal ??= belief;
  }
  for (const one of peer.publicKeys) {
    if (key && !bytesEqual(one.publicKey, key)) continue;
    const belief = await checkOneKey(options, peer, request, one);
    if (belief.ok) return belief;
    refusal ??= belief;
  }
  return refusal ?? refuse(noneOf(peer));
}

function noneOf({ pinned, publicKeys }: PeerCredentials): string {
  if (publicKeys.length === 0) return 'its certificate is none of those in remote.certs';
  if (pinned.length === 0) return 'its key is none of those in remote.pubkeys';
  return 'its certificate or key is none of those in remote.certs and remote.pubkeys';
}

/** Only the dates count, and the name. */
async function checkOneCertificate(
  { signatures, crypto, dateMs }: PathCheckOptions,
  peer: PeerCredentials,
  request: VerifyPeerRequest,
  { certificate }: NamedCertificate,
): Promise<PeerBelief> {
  if (!isInTime(certificate, dateMs())) {
    return refuse('its certificate has expired, or is not valid yet');
  }
  const names = namesOf(certificate, crypto);
  if (!certificateVouchesFor(names, request.remote)) {
    return refuse(`its certificate is for ${namesText(names)}`);
  }
  const verdict = await checkSignature(signatures, peer, request, certificate.publicKey);
  return verdict.ok ? { ok: true, proof: proofOfPinned(request, certificate) } : verdict;
}

async function checkOneKey(
  { signatures, crypto }: PathCheckOptions,
  peer: PeerCredentials,
  request: VerifyPeerRequest,
  { publicKey, identity }: TrustedKey,
): Promise<PeerVerdict> {
  const { policy } = peer;
  const known = checkRawPublicKey({ offered: publicKey, trusted: [publicKey], policy }, crypto);
  if (!known.ok) return refuse(`its raw public key is ${known.code}`);
  // A key says nobody's name: who has it may not be another one whom a wildcard lets in (RFC 7670 §4).
  if (!isNameOf(request.remote, known.keyIds, identity)) {
    return refuse('its raw public key is for the one name that remote.id has, or for its key id');
  }
  return checkSignature(signatures, peer, request, publicKey);
}

function isNameOf(
  remote: Identity,
  keyIds: readonly Uint8Array[],
  identity: Identity | undefined,
): boolean {
  if (identity) return identitiesEqual(identity, remote);
  return (
    remote.idType === IdType.ID_KEY_ID && keyIds.some((keyId) => bytesEqual(keyId, remote.data))
  );
}

/** The first CERT payload of an encoding. */
function offered({ certificates }: VerifyPeerRequest, encoding: number): Uint8Array | undefined {
  return certificates.find((one) => one.encoding === encoding)?.data;
}
