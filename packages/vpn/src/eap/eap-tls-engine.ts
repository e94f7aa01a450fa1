import {
  certificateVouchesFor,
  type Identity,
  type IdentityPattern,
  identityOfCertificate,
  matchIdentity,
} from '@ipsec-kit/auth';
import type { CryptoProvider } from '@ipsec-kit/crypto';
import type { TlsEngine } from '@ipsec-kit/eap';
import { createNodeTlsEngine } from '@ipsec-kit/eap/node';
import type { EapStepRequest } from '@ipsec-kit/ikev2';
import { type Certificate, namesOf, readCertificate } from '@ipsec-kit/x509';
import { writePem } from '@ipsec-kit/x509/issue';
import { namesText } from '../credentials/certificate-names.ts';
import type { Keyring } from '../credentials/keyring.ts';
import { chainAbove } from '../credentials/own-chain.ts';
import type { ChainCheck } from '../credentials/peer-check.ts';
import type { PeerProof } from '../credentials/peer-proof.ts';
import type { EapConnection } from './compiled-eap.ts';

/** What TLS inside EAP is made with. */
export interface EapTlsOptions {
  readonly connection: EapConnection;
  /** The conversation that it is for. */
  readonly request: EapStepRequest;
  readonly keyring: Keyring;
  /** CAs and intermediate certificates for one's own chain. */
  readonly authorities: readonly Certificate[];
  readonly crypto: Pick<CryptoProvider, 'sha1'>;
  readonly checkChain: ChainCheck;
  /** Told by what the other end is believed, before the answer says that it is. */
  readonly onProven: (spis: EapStepRequest['spis'], proof: PeerProof) => void;
}

/** Whom the other end of a conversation has to be. */
export interface EapTlsPeer {
  readonly role: 'client' | 'server';
  /** Known when its certificate comes. */
  readonly identity: () => Identity | IdentityPattern;
  /** Why it was refused, in words; begins small. */
  readonly onRefused: (detail: string) => void;
}

/** Makes the engine of one conversation: TLS is node's, and whether the other end is believed is decided as for signatures in IKE. */
export function createEapTlsEngine(options: EapTlsOptions, peer: EapTlsPeer): TlsEngine {
  const { connection, keyring, authorities } = options;
  const own = connection.certificates
    .map(({ certificate }) => ({ certificate, key: keyring.pkcs8For(certificate.publicKey) }))
    .find(({ key }) => key !== undefined);
  const pool = [...connection.certificates.map((one) => one.certificate), ...authorities];
  const shown =
    own?.key === undefined
      ? {}
      : {
          cert: chainAbove(own.certificate, pool).map(pemOf).join(''),
          key: keyPem(own.key.reveal()),
        };
  return createNodeTlsEngine({
    ...shown,
    ca: connection.anchors.map(pemOf),
    requiresCertificate: connection.authenticator?.ttlsCert === true,
    accept: (chain) => accepts(options, peer, chain),
  });
}

/** Whether nothing in the path is revoked, and the certificate is for whom the other end says it is. */
async function accepts(
  { connection, request, crypto, checkChain, onProven }: EapTlsOptions,
  { role, identity, onRefused }: EapTlsPeer,
  chain: readonly Uint8Array[],
): Promise<boolean> {
  const read = chain[0] && readCertificate(chain[0]);
  if (!read?.ok) {
    onRefused('its certificate cannot be read');
    return false;
  }
  const names = namesOf(read.certificate, crypto);
  const wanted = identity();
  if (!isFor(names, wanted)) {
    onRefused(`its certificate is for ${namesText(names)}`);
    return false;
  }
  const verdict = await checkChain({
    connection: request.connection,
    trust: connection,
    role: role === 'client' ? 'responder' : 'initiator',
    offered: chain,
    isReauthentication: request.isReauthentication,
  });
  if (!verdict.ok) onRefused(verdict.detail);
  // A server that has signed in IKE is believed for that, and looked at again by it.
  else if (role === 'server' || request.isOnlyProof) onProven(request.spis, verdict.proof);
  return verdict.ok;
}

function isFor(names: ReturnType<typeof namesOf>, wanted: Identity | IdentityPattern): boolean {
  if (!('kind' in wanted)) return certificateVouchesFor(names, wanted);
  const said = [identityOfCertificate(names), ...names.altNames];
  return said.some((one) => one !== undefined && matchIdentity(wanted, one) !== 0);
}

function pemOf({ der }: Certificate): string {
  return writePem('CERTIFICATE', der);
}

/** As bytes, which node:tls takes as well. */
function keyPem(pkcs8: Uint8Array): Buffer {
  return Buffer.from(writePem('PRIVATE KEY', pkcs8), 'latin1');
}
