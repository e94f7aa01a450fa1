import { closeSync, openSync, readSync, statSync } from 'node:fs';

const CHUNK_BYTES = 65_536;

/** Reads a whole file, or a pipe to its end: never more than `limitBytes`, also of a device without an end.
 * @returns `undefined` when there is more.
 * @throws Error of node:fs when it cannot be read.
 */
export function readAtMost(path: string, limitBytes: number): Uint8Array | undefined {
  if (statSync(path).size > limitBytes) return undefined;
  const file = openSync(path, 'r');
  try {
    const parts: Uint8Array[] = [];
    for (let sizeBytes = 0; sizeBytes <= limitBytes; ) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const length = readSync(file, chunk);
      if (length === 0) return Uint8Array.from(Buffer.concat(parts));
      sizeBytes += length;
      parts.push(chunk.subarray(0, length));
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}
