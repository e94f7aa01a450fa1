import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Makes a directory for its owner alone, with all above it that are missing; what is there stays as it is. Unlike `mkdirSync` with
 * `recursive`, which tries for ever where a directory refuses children as if it were not there itself (/proc), it ends.
 * @throws the error of the system.
 */
export function makeDirectory(path: string): void {
  const missing: string[] = [];
  let at = resolve(path);
  while (statSync(at, { throwIfNoEntry: false }) === undefined) {
    missing.push(at);
    at = dirname(at);
  }
  for (const one of missing.reverse()) makeOne(one);
  // That it is a file is said by the system itself.
  if (!statSync(resolve(path)).isDirectory()) mkdirSync(path, { mode: 0o700 });
}

function makeOne(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process was quicker.
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    if (!isThere) throw error;
  }
}
