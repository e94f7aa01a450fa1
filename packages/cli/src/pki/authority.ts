import { webcrypto } from 'node:crypto';
import { join } from 'node:path';
import type { KeyMaterial, SigningKey } from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import { VpnError } from '@ipsec-kit/vpn';
import {
  type Certificate,
  MAX_KEY_FILE_BYTES,
  readCertificate,
  readKeyFile,
} from '@ipsec-kit/x509';
import { readWholeFile } from '../files/new-file.ts';
import { readPassword } from '../files/read-password.ts';

/** Where the files of a CA lie. */
export interface AuthorityFiles {
  readonly certificate: string;
  readonly key: string;
  /** As CAs publish it over HTTP: DER (RFC 5280 §4.2.1.13). */
  readonly list: string;
  /** The same in PEM, for /etc/swanctl/x509crl. */
  readonly listPem: string;
  /** One file for each revoked certificate. */
  readonly revoked: string;
}

/** The CA of a directory, ready to sign. */
export interface Authority {
  readonly files: AuthorityFiles;
  readonly certificate: Certificate;
  readonly signer: SigningKey;
}

/** The files of a CA in its directory. */
export function authorityFiles(directory: string): AuthorityFiles {
  return {
    certificate: join(directory, 'ca.cert.pem'),
    key: join(directory, 'ca.key.pem'),
    list: join(directory, 'ca.crl'),
    listPem: join(directory, 'ca.crl.pem'),
    revoked: join(directory, 'revoked'),
  };
}

/** Opens the CA of a directory; when its key is encrypted, with the password of a file or of the terminal.
 * @throws VpnError when there is none, its key does not fit, or its time is over.
 */
export async function openAuthority(
  directory: string,
  passwordFile: string | undefined,
  nowMs: number,
): Promise<Authority> {
  const files = authorityFiles(directory);
  const certificate = await readCertificateFile(files.certificate).catch((error: unknown) => {
    const isMissing = error instanceof VpnError && error.message.startsWith('There is no file');
    if (!isMissing) throw error;
    throw new VpnError(
      'config',
      `There is no CA in ${directory}: make one with ipsec-kit pki ca --dir ${directory} --name "Home CA".`,
    );
  });
  const signer = await readSigner(files.key, passwordFile);
  if (!Buffer.from(signer.publicKey).equals(certificate.publicKey)) {
    throw new VpnError(
      'config',
      `${files.key} is not the key of ${files.certificate}: they belong to different CAs.`,
    );
  }
  if (certificate.notAfterMs <= nowMs) {
    throw new VpnError(
      'config',
      `The CA in ${directory} has expired: make a new one in another directory.`,
    );
  }
  return { files, certificate, signer };
}

/** Reads the first certificate of a file. @throws VpnError that names the file. */
export async function readCertificateFile(path: string): Promise<Certificate> {
  const read = await readKeyFile(readWholeFile(path, MAX_KEY_FILE_BYTES), { webCrypto: webcrypto });
  const [der] = read.ok ? read.certificates : [];
  const result = der && readCertificate(der);
  if (result?.ok) return result.certificate;
  throw new VpnError('config', `${path} holds no certificate that can be read.`);
}

async function readSigner(path: string, passwordFile: string | undefined): Promise<SigningKey> {
  const bytes = readWholeFile(path, MAX_KEY_FILE_BYTES);
  const open = (password?: KeyMaterial) =>
    readKeyFile(bytes, { webCrypto: webcrypto, ...(password ? { password } : {}) });
  let read = await open();
  if (!read.ok && read.code === 'needs-password') {
    const option = '--ca-password-file';
    read = await open(await readPassword({ file: passwordFile, option, what: path }));
  }
  if (!read.ok) throw new VpnError('config', `${path}: ${read.sentence}`);
  const [key] = read.keys;
  const imported = key && createNodeSignatures().importPrivateKey(key);
  if (imported?.ok) return imported.key;
  throw new VpnError('config', `${path} holds no private key that can sign.`);
}
