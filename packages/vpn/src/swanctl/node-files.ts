import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readAtMost } from './read-at-most.ts';
import { hasWildcard, MISSING, matchesWildcard, type SettingsFiles } from './settings-files.ts';

/** Larger files are not read: a configuration is written by hand, or by a program with a purpose. */
export const MAX_FILE_BYTES: number = 4 * 1024 * 1024;

const MAX_MATCHES = 10_000;
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: MISSING,
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
};

/** Configuration files on the disk of this machine. */
export const nodeFiles: SettingsFiles = {
  read(path) {
    const read = bytesOf(path);
    if (!read.ok) return read;
    const [first, second] = read.bytes;
    const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
    if (isUtf16) return { ok: false, reason: 'it is UTF-16: save it as UTF-8' };
    return { ok: true, text: Buffer.from(read.bytes).toString('utf8') };
  },
  readBytes: bytesOf,
  match(pattern, from) {
    const whole = resolve(dirname(from), pattern);
    const segments = whole.split('/').filter((segment) => segment !== '');
    let found: readonly string[] = ['/'];
    for (const segment of segments) {
      found = found.flatMap((directory) => matchSegment(directory, segment)).slice(0, MAX_MATCHES);
    }
    // A directory that a wildcard happens to match is passed over, one that is named is a mistake.
    return found.filter((path) => !hasWildcard(pattern) || !isDirectory(path)).sort();
  },
};

function bytesOf(path: string) {
  try {
    const bytes = readAtMost(path, MAX_FILE_BYTES);
    return bytes
      ? ({ ok: true, bytes } as const)
      : ({ ok: false, reason: `it is larger than ${MAX_FILE_BYTES} bytes` } as const);
  } catch (error) {
    return { ok: false, reason: reasonOf(error) } as const;
  }
}

function matchSegment(directory: string, segment: string): readonly string[] {
  if (!hasWildcard(segment)) {
    const path = join(directory, segment);
    return exists(path) ? [path] : [];
  }
  try {
    const names = readdirSync(directory).filter((name) => matchesWildcard(name, segment));
    return names.map((name) => join(directory, name));
  } catch {
    // As in a shell: a directory that cannot be read has nothing that matches.
    return [];
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** What cannot be looked at counts as there: reading it then says why it cannot be read. */
function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? (code === '' ? String(error) : code);
}
