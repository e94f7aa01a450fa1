import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeDirectory, VpnError, vpnErrorFrom } from '@ipsec-kit/vpn';
import { readAtMost } from '@ipsec-kit/vpn/swanctl';

/** Mode of what only its owner may read: private keys, and files with secrets. */
export const SECRET_MODE = 0o600;
/** Mode of what everybody may read. */
export const PUBLIC_MODE = 0o644;

/** A file that is to be made. */
export interface NewFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
}

/** Writes files that are not there yet: all of them, or none. What is there is never overwritten.
 * @throws VpnError that names the file.
 */
export function writeNewFiles(files: readonly NewFile[]): void {
  for (const { path } of files) refuseExisting(path);
  const made: string[] = [];
  try {
    for (const { path, content, mode } of files) {
      writeFileSync(path, content, { flag: 'wx', mode });
      made.push(path);
    }
  } catch (error) {
    for (const path of made) rmSync(path, { force: true });
    throw writeError(error, files[made.length]?.path ?? '');
  }
}

/** @throws VpnError when the file is there. */
export function refuseExisting(path: string): void {
  if (!existsSync(path)) return;
  throw new VpnError(
    'config',
    `${path} is there already and is never overwritten: choose another name, or move it away.`,
  );
}

/** Puts a file in the place of an older one in one step, so that no reader sees half of it. @throws VpnError */
export function replaceFile({ path, content, mode }: NewFile): void {
  const fresh = join(dirname(path), `.${process.pid}.new`);
  try {
    writeFileSync(fresh, content, { mode });
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw writeError(error, path);
  }
}

/** Makes a directory for its owner alone, with all above it; one that is there stays as it is. @throws VpnError */
export function makeOwnDirectory(path: string): void {
  try {
    makeDirectory(path);
  } catch (error) {
    throw vpnErrorFrom(error, `make the directory ${path}`, 'file-failed');
  }
}

/** Reads a file of at most `limitBytes`. @throws VpnError that names the file and says why. */
export function readWholeFile(path: string, limitBytes: number): Uint8Array {
  try {
    const bytes = readAtMost(path, limitBytes);
    if (bytes) return bytes;
    throw new VpnError(
      'config',
      `${path} is longer than ${limitBytes} bytes: is it the right file?`,
    );
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing) throw new VpnError('config', `There is no file ${path}.`);
    const advice = 'run as root, or have it made readable for this user';
    throw vpnErrorFrom(error, `read ${path}`, 'file-failed', advice);
  }
}

function writeError(error: unknown, path: string): VpnError {
  return vpnErrorFrom(error, `write ${path}`, 'file-failed');
}
