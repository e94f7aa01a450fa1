import { statSync } from 'node:fs';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import type { ConfigSection } from '@ipsec-kit/vpn/swanctl';
import type { Certificate } from '@ipsec-kit/x509';
import type { CredentialReader } from './credential-reader.ts';
import { type Finding, type Findings, findingsAbout } from './finding.ts';
import { KEY_SECTIONS, keyFilesOf } from './key-files.ts';

/** Group and others. */
const OTHERS = 0o077;

/** A certificate that lies beside its key, and in which file. */
export interface ContainedCertificate {
  readonly file: string;
  readonly certificate: Certificate;
}

/** What the files with private keys hold. */
export interface FoundKeys {
  readonly publicKeys: readonly Uint8Array[];
  /** Of PKCS #12 files above all. */
  readonly certificates: readonly ContainedCertificate[];
}

/** Opens the private keys that a configuration names or has beside it.
 * @param all - gets the findings about them.
 */
export async function checkKeys(
  configFile: string,
  root: ConfigSection,
  reader: CredentialReader,
  all: Finding[],
): Promise<FoundKeys> {
  const findings = findingsAbout('secrets');
  const publicKeys: Uint8Array[] = [];
  const certificates: ContainedCertificate[] = [];
  const add = async (file: string, directory: string): Promise<void> => {
    const where = reader.path(file, directory);
    const found = await reader.keys(file, directory, findings);
    if (found.keys.length > 0) checkMode(where, 'private key', findings);
    for (const key of found.keys) {
      const imported = createNodeSignatures().importPrivateKey(key);
      if (imported.ok) publicKeys.push(imported.key.publicKey);
      else findings.add('error', `${where} holds a private key that is ${imported.code}`);
    }
    certificates.push(...found.certificates.map((certificate) => ({ file, certificate })));
  };
  const sections = [...(root.sections.get('secrets')?.sections ?? [])];
  if (sections.some(([, section]) => section.values.has('secret')))
    checkMode(configFile, 'secrets', findings);
  const named = keyFilesOf(root);
  for (const { file, directory } of named) await add(file, directory);
  const paths = new Set(named.map(({ file, directory }) => reader.path(file, directory)));
  for (const { directory } of KEY_SECTIONS) {
    for (const file of reader.filesIn(directory)) if (!paths.has(file)) await add(file, directory);
  }
  all.push(...findings.list);
  return { publicKeys, certificates };
}

/** Says when others than the owner may read a file with something secret in it. */
function checkMode(path: string, what: 'private key' | 'secrets', findings: Findings): void {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & OTHERS) === 0) return;
  const sentence =
    what === 'secrets'
      ? `${path} holds secrets, and other users of this host may read it`
      : `${path} holds a private key, and other users of this host may read it`;
  findings.add('warning', sentence, `chmod 600 ${path}`);
}
