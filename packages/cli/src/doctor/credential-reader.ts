import { webcrypto } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { KeyMaterial } from '@ipsec-kit/crypto';
import {
  type Certificate,
  MAX_KEY_FILE_BYTES,
  readCertificate,
  readKeyFile,
} from '@ipsec-kit/x509';
import { readWholeFile } from '../files/new-file.ts';
import type { Findings } from './finding.ts';

const MAX_FILES = 100;

/** Reads files as swanctl finds them: relative to the directory of their kind beside the configuration, or to the configuration. What
 * cannot be read becomes a finding.
 */
export interface CredentialReader {
  /** The certificates of a file, in their order. */
  certificates(
    file: string,
    directory: string,
    findings: Findings,
  ): Promise<readonly Certificate[]>;
  keys(
    file: string,
    directory: string,
    password: string | undefined,
    findings: Findings,
  ): Promise<readonly KeyMaterial[]>;
  path(file: string, directory: string): string;
  /** Files of a directory beside the configuration, hidden ones not; none where there is no such directory. */
  filesIn(directory: string): readonly string[];
}

/** A {@link CredentialReader} for what a configuration names. */
export function createCredentialReader(configFile: string): CredentialReader {
  const base = dirname(configFile);
  const path = (file: string, directory: string): string => {
    if (isAbsolute(file)) return file;
    const inDirectory = join(base, directory, file);
    return existsSync(inDirectory) ? inDirectory : join(base, file);
  };
  return {
    path,
    async certificates(file, directory, findings) {
      const where = path(file, directory);
      const ders = (await read(where, undefined, findings))?.certificates ?? [];
      return ders.flatMap((der) => {
        const result = readCertificate(der);
        if (result.ok) return [result.certificate];
        findings.add('error', `${where} holds a certificate that is ${result.code}`);
        return [];
      });
    },
    async keys(file, directory, password, findings) {
      return (await read(path(file, directory), password, findings))?.keys ?? [];
    },
    filesIn(directory) {
      const where = join(base, directory);
      if (!existsSync(where)) return [];
      const names = readdirSync(where).filter((name) => !name.startsWith('.'));
      return names.slice(0, MAX_FILES).map((name) => join(where, name));
    },
  };
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
