/** Why a file that is not there cannot be read, on a disk. */
export const MISSING = 'there is no such file';

/** Where the text of configuration files comes from; a disk, or a map in a test. */
export interface SettingsFiles {
  /** The text of a file, or why it cannot be had. */
  read(path: string): FileText;
  /** The files that a pattern of an `include` names, sorted; a relative pattern is relative to the directory of `from`. */
  match(pattern: string, from: string): readonly string[];
  /** The bytes of a file with a key or a certificate. Absent: its text has them. */
  readBytes?(path: string): FileBytes;
}

export type FileBytes =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: string };

export type FileText =
  | { readonly ok: true; readonly text: string }
  /** `reason` ends a sentence: `no such file`. */
  | { readonly ok: false; readonly reason: string };

/** Whether an `include` may name several files, or none, without that being a mistake. */
export function hasWildcard(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}

/** Whether one name (no slashes) matches a pattern of `*`, `?`, `[abc]`, `[a-z]`, `[!a]`; takes time in proportion to
 * the product of the lengths at most. As in a shell, a leading dot is matched by a dot only.
 */
export function matchesWildcard(name: string, pattern: string): boolean {
  const pieces = wildcardPieces(pattern);
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  let at = 0;
  let piece = 0;
  let star = -1;
  let starAt = 0;
  while (at < name.length) {
    const wanted = pieces[piece];
    if (wanted === '*') {
      star = piece++;
      starAt = at;
    } else if (wanted?.(name[at] ?? '')) {
      piece += 1;
      at += 1;
    } else if (star >= 0) {
      piece = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (pieces[piece] === '*') piece += 1;
  return piece === pieces.length;
}

type Piece = '*' | ((character: string) => boolean);

function wildcardPieces(pattern: string): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index] ?? '';
    const close = character === '[' ? pattern.indexOf(']', index + 2) : -1;
    if (close > 0) {
      pieces.push(characterClass(pattern.slice(index + 1, close)));
      index = close;
    } else if (character === '*') {
      if (pieces.at(-1) !== '*') pieces.push('*');
    } else pieces.push(character === '?' ? () => true : (other) => other === character);
  }
  return pieces;
}

function characterClass(text: string): (character: string) => boolean {
  const negated = /^[!^]/.test(text);
  const set = negated ? text.slice(1) : text;
  const contains = (character: string): boolean => {
    for (let index = 0; index < set.length; index++) {
      const from = set[index] ?? '';
      const isRange = set[index + 1] === '-' && index + 2 < set.length;
      const to = isRange ? (set[index + 2] ?? '') : from;
      if (isRange) index += 2;
      if (character >= from && character <= to) return true;
    }
    return false;
  };
  return (character) => contains(character) !== negated;
}
