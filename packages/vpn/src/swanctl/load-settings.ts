import { type ProblemList, quoted, type SourcePosition } from '../compile/config-problem.ts';
import { parseSettings } from './parser.ts';
import { hasWildcard, type SettingsFiles } from './settings-files.ts';
import { createSection, type SettingsSection } from './settings-tree.ts';

/** Includes inside one another. */
export const MAX_INCLUDE_DEPTH = 10;
/** Files that one configuration consists of. */
export const MAX_INCLUDED_FILES = 1000;
/** As PEM and DER begin: word by word, what is in a key would be said to be wrong. */
const KEY_OR_CERTIFICATE = /^\s*-----BEGIN |^0[\x80-\x84\ufffd]/;

/** Reads a file and all that it includes into one tree; nothing is inherited yet.
 * Mistakes go to `problems`, an include that names no file to `warnings`. Never throws.
 */
export function loadSettings(
  file: string,
  files: SettingsFiles,
  problems: ProblemList,
  warnings: ProblemList,
): SettingsSection {
  const root = createSection({ file, line: 1, column: 1 });
  const loader = new Loader(files, problems, warnings);
  loader.load(file, undefined, root, [], 0);
  return root;
}

class Loader {
  readonly #files: SettingsFiles;
  readonly #problems: ProblemList;
  readonly #warnings: ProblemList;
  #count = 0;
  /** Once there is too much, nothing more is read: files that include one another would say so a thousand times. */
  #stopped = false;

  constructor(files: SettingsFiles, problems: ProblemList, warnings: ProblemList) {
    this.#files = files;
    this.#problems = problems;
    this.#warnings = warnings;
  }

  load(
    file: string,
    includedAt: SourcePosition | undefined,
    into: SettingsSection,
    path: readonly string[],
    depth: number,
  ): void {
    const position = includedAt ? { position: includedAt } : {};
    const refuse = (sentence: string): void =>
      this.#problems.add({ code: 'file-unreadable', path: path.join('.'), sentence, ...position });
    this.#count += 1;
    if (this.#count > MAX_INCLUDED_FILES) {
      this.#stopped = true;
      refuse(`more than ${MAX_INCLUDED_FILES} files are included`);
      return;
    }
    if (depth > MAX_INCLUDE_DEPTH) {
      this.#stopped = true;
      refuse(`includes nest deeper than ${MAX_INCLUDE_DEPTH}: does ${file} include itself?`);
      return;
    }
    const read = this.#files.read(file);
    if (!read.ok) {
      refuse(`cannot read ${file}: ${read.reason}`);
      return;
    }
    if (KEY_OR_CERTIFICATE.test(read.text)) {
      refuse(`${file} is a key or a certificate, and no configuration`);
      return;
    }
    const include = (
      pattern: string,
      at: SourcePosition,
      section: SettingsSection,
      inside: readonly string[],
    ): void => {
      const found = this.#files.match(pattern, file);
      if (found.length === 0 && !hasWildcard(pattern)) this.#missing(pattern, at, inside);
      for (const one of found) {
        if (this.#stopped) return;
        this.load(one, at, section, inside, depth + 1);
      }
    };
    parseSettings(read.text, file, into, path, include, this.#problems);
  }

  /** strongSwan goes on without a file that is not there; so that existing files work, this does too, but says so. */
  #missing(pattern: string, position: SourcePosition, path: readonly string[]): void {
    const sentence = `there is no file ${quoted(pattern)} to include; it is left out`;
    this.#warnings.add({ code: 'no-effect', path: path.join('.'), position, sentence });
  }
}
