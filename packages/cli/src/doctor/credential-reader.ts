import { webcrypto } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { KeyMaterial } from '@ipsec-kit/crypto';
import type { ConfigSection } from '@ipsec-kit/vpn/swanctl';
import {
  type Certificate,
  MAX_KEY_FILE_BYTES,
  readCertificate,
  readKeyFile,
} from '@ipsec-kit/x509';
import { nodeOldCiphers } from '@ipsec-kit/x509/node';
import { readWholeFile } from '../files/new-file.ts';
import { type Findings, findingsAbout } from './finding.ts';
import { keyFilesOf } from './key-files.ts';

const MAX_FILES = 100;

/** Reads files as swanctl finds them: relative to the directory of their kind beside the configuration, or to the configuration. What
 * cannot be read becomes a finding.
 */
export interface CredentialReader {
  /** The certificates of a file, in their order; as `x509ca` those of CAs alone of a PKCS #12 file, opened with its password. */
  certificates(
    file: string,
    directory: string,
    findings: Findings,
  ): Promise<readonly Certificate[]>;
  /** A file with private keys, opened with the password that secrets have for it. */
  keys(file: string, directory: string, findings: Findings): Promise<KeyFile>;
  path(file: string, directory: string): string;
  /** Files of a directory beside the configuration, hidden ones not; none where there is no such directory. */
  filesIn(directory: string): readonly string[];
}

/** What a file with private keys holds. */
export interface KeyFile {
  readonly keys: readonly KeyMaterial[];
  readonly certificates: readonly Certificate[];
}

/** A {@link CredentialReader} for what a configuration names. */
export function createCredentialReader(configFile: string, root: ConfigSection): CredentialReader {
  const base = dirname(configFile);
  const path = (file: string, directory: string): string => {
    if (isAbsolute(file)) return file;
    const inDirectory = join(base, directory, file);
    return existsSync(inDirectory) ? inDirectory : join(base, file);
  };
  const passwords = new Map(
    keyFilesOf(root).map(({ file, directory, password }) => [path(file, directory), password]),
  );
  const open = async (file: string, directory: string, findings: Findings) => {
    const where = path(file, directory);
    const contents = await read(where, passwords.get(where), findings);
    const certificates = (contents?.certificates ?? []).flatMap((der) => {
      const result = readCertificate(der);
      if (result.ok) return [result.certificate];
      findings.add('error', `${where} holds a certificate that is ${result.code}`);
      return [];
    });
    return { keys: contents?.keys ?? [], certificates };
  };
  return {
    path,
    async certificates(file, directory, findings) {
      // What is wrong with a file of the secrets is said there.
      const isSecret = passwords.has(path(file, directory));
      const told = isSecret ? findingsAbout('secrets') : findings;
      const { keys, certificates } = await open(file, directory, told);
      // Beside the key of this side is its certificate.
      return keys.length > 0 && directory === 'x509ca' ? certificates.filter(isCa) : certificates;
    },
    keys: open,
    filesIn(directory) {
      const where = join(base, directory);
      if (!existsSync(where)) return [];
      const names = readdirSync(where).filter((name) => !name.startsWith('.'));
      return names.slice(0, MAX_FILES).map((name) => join(where, name));
    },
  };
}

function isCa({ extensions }: Certificate): boolean {
  return extensions.isCa;
}

async function read(where: string, password: string | undefined, findings: Findings) {
  try {
    const given =
      password === undefined
        ? {}
        : { password: new KeyMaterial(Uint8Array.from(Buffer.from(password))) };
    const result = await readKeyFile(readWholeFile(where, MAX_KEY_FILE_BYTES), {
      ...given,
      webCrypto: webcrypto,
      oldCiphers: nodeOldCiphers,
    });
    if (result.ok) return result;
    const advice =
      result.code === 'needs-password'
        ? 'add secret = "..." beside file, in its section of secrets'
        : undefined;
    findings.add('error', `${where}: ${result.sentence}`, advice);
  } catch (error) {
    findings.add('error', error instanceof Error ? error.message : String(error));
  }
  return undefined;
}
