import { basename, dirname, isAbsolute, join } from 'node:path';
import type { ProblemList, SourcePosition } from '../compile/config-problem.ts';
import { type FileBytes, MISSING, type SettingsFiles } from './settings-files.ts';

/** Where swanctl looks for what: directories beside the configuration. */
export type CredentialDirectory =
  | 'x509'
  | 'x509ca'
  | 'x509crl'
  | 'pubkey'
  | 'private'
  | 'rsa'
  | 'ecdsa'
  | 'pkcs8'
  | 'pkcs12';

/** A file, and what is in it. */
export interface CredentialFile {
  readonly name: string;
  readonly data: Uint8Array;
}

/** Finds the files with keys and certificates as swanctl does: by name in the directory of their kind beside the configuration, by
 * their path, or relative to the configuration.
 */
export class CredentialFiles {
  readonly #files: SettingsFiles;
  readonly #configFile: string;
  readonly #problems: ProblemList;

  constructor(files: SettingsFiles, configFile: string, problems: ProblemList) {
    this.#files = files;
    this.#configFile = configFile;
    this.#problems = problems;
  }

  /** All files of a directory, by name; none where there is no such directory. */
  all(directory: CredentialDirectory): readonly CredentialFile[] {
    return this.#files.match(`${directory}/*`, this.#configFile).flatMap((name) => {
      const read = this.#read(name);
      if (read.ok) return [{ name, data: read.bytes }];
      const sentence = `cannot read ${name}: ${read.reason}`;
      this.#problems.add({ code: 'file-unreadable', path: directory, sentence });
      return [];
    });
  }

  /** The same at a later time, when there is nobody to tell of a mistake. @throws Error with a sentence for what cannot be read. */
  readAgain(directory: CredentialDirectory): readonly CredentialFile[] {
    return this.#files.match(`${directory}/*`, this.#configFile).map((name) => {
      const read = this.#read(name);
      if (read.ok) return { name, data: read.bytes };
      throw new Error(`cannot read ${name}: ${read.reason}`);
    });
  }

  /** The files that a list names; one that cannot be read is a mistake at `position`. */
  named(
    names: readonly string[],
    directory: CredentialDirectory,
    path: string,
    position: SourcePosition | undefined,
  ): readonly CredentialFile[] {
    const base = dirname(this.#configFile);
    return names.flatMap((name) => {
      if (/\s=|=\s/.test(name)) {
        // What stands there may be a secret.
        const sentence =
          'expected the name of a file, got a text with "=": each key has a line of its own';
        this.#problems.add({
          code: 'invalid-value',
          path,
          sentence,
          ...(position ? { position } : {}),
        });
        return [];
      }
      const first = isAbsolute(name) ? name : join(base, directory, name);
      const tried = isAbsolute(name) ? [first] : [first, join(base, name)];
      const reasons: string[] = [];
      for (const file of tried) {
        const read = this.#read(file);
        if (read.ok) return [{ name: file, data: read.bytes }];
        reasons.push(read.reason);
      }
      const [reason = '', other = reason] = reasons;
      const where = `the directory ${directory} beside ${basename(this.#configFile)}`;
      const sentence =
        reason === MISSING && other !== MISSING
          ? `cannot read ${tried[1]}: ${other}`
          : `cannot read ${first}: ${reason}; put it into ${where}, or write its whole path`;
      const at = position ? { position } : {};
      this.#problems.add({ code: 'file-unreadable', path, sentence, ...at });
      return [];
    });
  }

  #read(path: string): FileBytes {
    if (this.#files.readBytes) return this.#files.readBytes(path);
    const read = this.#files.read(path);
    return read.ok ? { ok: true, bytes: new TextEncoder().encode(read.text) } : read;
  }
}
