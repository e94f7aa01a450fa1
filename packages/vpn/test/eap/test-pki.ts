import { generateKeyPairSync } from 'node:crypto';
import { parseIdentity } from '@ipsec-kit/auth';
import { KeyMaterial, type SigningKey } from '@ipsec-kit/crypto';
import { createNodeProvider, createNodeSignatures, systemRandom } from '@ipsec-kit/crypto/node';
import { type Certificate, readCertificate } from '@ipsec-kit/x509';
import { type CertificateRole, issueCertificate, writePem } from '@ipsec-kit/x509/issue';

/** A certificate and its private key, in PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** A CA of ECDSA P-256, valid now. */
export class TestPki {
  readonly #signer: SigningKey;
  readonly #certificate: Certificate;
  /** In PEM. */
  readonly ca: string;

  private constructor(signer: SigningKey, der: Uint8Array) {
    const read = readCertificate(der);
    if (!read.ok) throw new Error(read.code);
    this.#signer = signer;
    this.#certificate = read.certificate;
    this.ca = writePem('CERTIFICATE', der);
  }

  static async create(): Promise<TestPki> {
    const { signer } = newKey();
    const der = await issue({ role: 'ca', name: 'Test CA', key: signer, signer });
    return new TestPki(signer, der);
  }

  /** @param name - of the subjectAltName */
  async issue(role: 'server' | 'client', name: string): Promise<Issued> {
    const { signer: key, pkcs8 } = newKey();
    const wish = { role, name, key, signer: this.#signer, issuer: this.#certificate };
    const certificate = writePem('CERTIFICATE', await issue(wish));
    return { certificate, key: writePem('PRIVATE KEY', pkcs8) };
  }
}

function newKey(): { readonly signer: SigningKey; readonly pkcs8: Uint8Array } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pkcs8 = Uint8Array.from(privateKey.export({ format: 'der', type: 'pkcs8' }));
  const imported = createNodeSignatures().importPrivateKey(new KeyMaterial(pkcs8.slice()));
  if (!imported.ok) throw new Error(imported.code);
  return { signer: imported.key, pkcs8 };
}

interface Wish {
  readonly role: CertificateRole;
  readonly name: string;
  readonly key: SigningKey;
  readonly signer: SigningKey;
  readonly issuer?: Certificate;
}

async function issue({ role, name, key, signer, issuer }: Wish): Promise<Uint8Array> {
  const subject = parseIdentity(`CN=${name}`);
  const altName = parseIdentity(name);
  if (!subject.ok || (role !== 'ca' && !altName.ok)) throw new Error(`no name: ${name}`);
  const notBeforeMs = Date.now() - 60_000;
  return issueCertificate(
    {
      role,
      subject: subject.identity.data,
      publicKey: key.publicKey,
      altNames: role !== 'ca' && altName.ok ? [altName.identity] : [],
      notBeforeMs,
      notAfterMs: notBeforeMs + 86_400_000,
      signer,
      ...(issuer ? { issuer } : {}),
    },
    systemRandom(),
    createNodeProvider(),
  );
}
