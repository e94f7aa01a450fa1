import { posix } from 'node:path';
import {
  hasWildcard,
  matchesWildcard,
  type SettingsFiles,
} from '../../src/swanctl/settings-files.ts';

/** Files by absolute path; wildcards in the last part of a pattern only. */
export function memoryFiles(texts: Readonly<Record<string, string>>): SettingsFiles {
  return {
    read(path) {
      const text = texts[path];
      return text === undefined
        ? { ok: false, reason: 'there is no such file' }
        : { ok: true, text };
    },
    match(pattern, from) {
      const whole = posix.resolve(posix.dirname(from), pattern);
      if (!hasWildcard(whole)) return whole in texts ? [whole] : [];
      const found = Object.keys(texts).filter(
        (path) =>
          posix.dirname(path) === posix.dirname(whole) &&
          matchesWildcard(posix.basename(path), posix.basename(whole)),
      );
      return found.sort();
    },
  };
}
