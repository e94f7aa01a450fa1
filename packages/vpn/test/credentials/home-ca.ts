import { generateKeyPairSync } from 'node:crypto';
import { parseIdentity } from '@ipsec-kit/auth';
import { KeyMaterial, type SigningKey } from '@ipsec-kit/crypto';
import { createNodeProvider, createNodeSignatures, systemRandom } from '@ipsec-kit/crypto/node';
import { type Certificate, readCertificate } from '@ipsec-kit/x509';
import {
  type CertificateWish,
  issueCertificate,
  issueRevocationList,
  writePem,
} from '@ipsec-kit/x509/issue';

const DAY_MS = 86_400_000;

function identityOf(text: string): { readonly idType: number; readonly data: Uint8Array } {
  const parsed = parseIdentity(text);
  if (!parsed.ok) throw new Error(parsed.sentence);
  return parsed.identity;
}

/** A certificate and its key, in all forms that options take. */
export interface Issued {
  readonly certificate: Certificate;
  readonly pem: string;
  readonly key: SigningKey;
  readonly keyPem: string;
}

async function issue(
  wish: Pick<CertificateWish, 'role'> & Partial<CertificateWish>,
  name: string,
  ca?: Issued,
): Promise<Issued> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pkcs8 = Uint8Array.from(privateKey.export({ format: 'der', type: 'pkcs8' }));
  const keyPem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const imported = createNodeSignatures().importPrivateKey(new KeyMaterial(pkcs8));
  if (!imported.ok) throw new Error(imported.code);
  const { key } = imported;
  const der = await issueCertificate(
    {
      subject: identityOf(`CN=${name}`).data,
      publicKey: key.publicKey,
      altNames: ca ? [identityOf(name)] : [],
      signer: ca?.key ?? key,
      ...(ca ? { issuer: ca.certificate } : {}),
      notBeforeMs: Date.now() - DAY_MS,
      notAfterMs: Date.now() + DAY_MS,
      ...wish,
    },
    systemRandom(),
    createNodeProvider(),
  );
  const read = readCertificate(der);
  if (!read.ok) throw new Error(read.code);
  return { certificate: read.certificate, pem: writePem('CERTIFICATE', der), key, keyPem };
}

/** A CA of its own. */
export function newCa(): Promise<Issued> {
  return issue({ role: 'ca' }, 'Home CA');
}

/** A certificate of a CA for a name. */
export function issuedBy(
  ca: Issued,
  name: string,
  wish: Pick<CertificateWish, 'role'> & Partial<CertificateWish>,
): Promise<Issued> {
  return issue(wish, name, ca);
}

let lists = 0;

/** A CRL of a CA that has some certificates, in DER: a later one is newer. */
export function revocationList(
  ca: Issued,
  revoked: readonly Issued[],
  lifetimeMs: number = DAY_MS,
): Promise<Uint8Array> {
  const nowMs = Date.now();
  lists += 1;
  return issueRevocationList(
    {
      issuer: ca.certificate,
      signer: ca.key,
      revoked: revoked.map(({ certificate: { serialNumber } }) => ({
        serialNumber,
        revokedAtMs: nowMs,
        reason: 'keyCompromise',
      })),
      thisUpdateMs: nowMs,
      nextUpdateMs: nowMs + lifetimeMs,
      number: lists,
    },
    createNodeProvider(),
  );
}

/** A CA, a server and a client. */
export async function homeCa(client: Partial<CertificateWish> = {}): Promise<{
  readonly ca: Issued;
  readonly server: Issued;
  readonly client: Issued;
}> {
  const ca = await issue({ role: 'ca' }, 'Home CA');
  const server = await issue({ role: 'server' }, 'vpn.example.org', ca);
  return {
    ca,
    server,
    client: await issue({ role: 'client', ...client }, 'alice.example.org', ca),
  };
}
