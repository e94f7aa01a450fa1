import { statSync } from 'node:fs';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import type { ConfigSection } from '@ipsec-kit/vpn/swanctl';
import type { CredentialReader } from './credential-reader.ts';
import { type Finding, type Findings, findingsAbout } from './finding.ts';

/** Sections of `secrets` that name files with private keys, and where swanctl looks for those. */
const KEY_SECTIONS = [
  { prefix: 'private', directory: 'private' },
  { prefix: 'rsa', directory: 'rsa' },
  { prefix: 'ecdsa', directory: 'ecdsa' },
  { prefix: 'pkcs8', directory: 'pkcs8' },
  { prefix: 'pkcs12', directory: 'pkcs12' },
] as const;
/** Group and others. */
const OTHERS = 0o077;

/** Opens the private keys that a configuration names or has beside it.
 * @param all - gets the findings about them.
 * @returns their public keys.
 */
export async function checkKeys(
  configFile: string,
  root: ConfigSection,
  reader: CredentialReader,
  all: Finding[],
): Promise<readonly Uint8Array[]> {
  const findings = findingsAbout('secrets');
  const publicKeys: Uint8Array[] = [];
  const add = async (file: string, directory: string, password?: string): Promise<void> => {
    const where = reader.path(file, directory);
    const keys = await reader.keys(file, directory, password, findings);
    if (keys.length > 0) checkMode(where, 'private key', findings);
    for (const key of keys) {
      const imported = createNodeSignatures().importPrivateKey(key);
      if (imported.ok) publicKeys.push(imported.key.publicKey);
      else findings.add('error', `${where} holds a private key that is ${imported.code}`);
    }
  };
  const named = new Set<string>();
  const sections = [...(root.sections.get('secrets')?.sections ?? [])];
  if (sections.some(([, section]) => section.values.has('secret')))
    checkMode(configFile, 'secrets', findings);
  for (const [name, section] of sections) {
    const kind = KEY_SECTIONS.find(({ prefix }) => name.startsWith(prefix));
    const file = section.values.get('file');
    if (!kind || file === undefined) continue;
    named.add(reader.path(file, kind.directory));
    await add(file, kind.directory, section.values.get('secret'));
  }
  for (const { directory } of KEY_SECTIONS) {
    for (const file of reader.filesIn(directory)) {
      if (!named.has(file)) await add(file, directory);
    }
  }
  all.push(...findings.list);
  return publicKeys;
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
