import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { TunError } from './tun-error.ts';

/** Changes the text of a small file in place, so that its inode, owner, links and mounts stay: a resolv.conf is often
 * mounted on its own, where replacing it is impossible. The new text goes in one write; cutting a longer old text comes after it.
 * The file has to exist.
 * @throws TunError, one sentence, when the file cannot be read or written.
 */
export function editFile(path: string, edit: (text: string) => string): void {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR);
  } catch (error) {
    throw editError(path, error);
  }
  try {
    const before = readFileSync(fd, 'utf8');
    const after = edit(before);
    if (after === before) return;
    const bytes = Buffer.from(after);
    writeSync(fd, bytes, 0, bytes.length, 0);
    if (fstatSync(fd).size > bytes.length) ftruncateSync(fd, bytes.length);
  } catch (error) {
    throw editError(path, error);
  } finally {
    closeSync(fd);
  }
}

function editError(path: string, error: unknown): TunError {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string'
      ? error.code
      : 'EUNKNOWN';
  return new TunError(
    code,
    `the nameservers in ${path} cannot be changed (${code}): make the file writable, or leave DNS out of the tunnel's settings`,
    { cause: error },
  );
}
