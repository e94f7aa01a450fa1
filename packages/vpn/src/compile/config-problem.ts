/** A place in a file; line and column count from 1, a tab is one column. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What is wrong with a configuration.
 *
 * - `syntax`: the text is not a configuration file.
 * - `file-unreadable`: a file could not be read, or an include goes too deep.
 * - `unknown-key`, `unknown-section`: strongSwan does not know it either.
 * - `unknown-reference`: a name points at something that is not there (a pool, a section to inherit from).
 * - `invalid-value`: the key is right, its value is not.
 * - `missing-value`: something that must be said is not.
 * - `not-supported`: strongSwan knows it, this version does not, and ignoring it would change security or traffic.
 * - `no-effect`: as before, but harmless: only ever a warning.
 * - `too-many-problems`: the list was cut here.
 */
export type ConfigProblemCode =
  | 'syntax'
  | 'file-unreadable'
  | 'unknown-key'
  | 'unknown-section'
  | 'unknown-reference'
  | 'invalid-value'
  | 'missing-value'
  | 'not-supported'
  | 'no-effect'
  | 'too-many-problems';

/** One mistake, or one warning, as plain data. Never holds a secret. */
export interface ConfigProblem {
  readonly code: ConfigProblemCode;
  /** The field: `connections.home.children.net.esp_proposals` from a file, `connections.home.children.net.espProposals`
   * from an options object; empty when it is about a file as a whole. */
  readonly path: string;
  /** Where it stands, when it came from a file. */
  readonly position?: SourcePosition;
  /** One sentence or two: what is wrong, and what would be accepted. */
  readonly sentence: string;
}

/** A mistake in a configuration, as an error to return or throw; the message is {@link describeProblem}'s. */
export class ConfigError extends Error implements ConfigProblem {
  readonly code: ConfigProblemCode;
  readonly path: string;
  readonly position?: SourcePosition;
  readonly sentence: string;

  constructor(problem: ConfigProblem) {
    super(describeProblem(problem));
    this.name = 'ConfigError';
    this.code = problem.code;
    this.path = problem.path;
    if (problem.position) this.position = problem.position;
    this.sentence = problem.sentence;
  }
}

/** A problem in one line for people: `home.conf:3:5: connections.home.encap: expected yes or no, got "maybe"`. */
export function describeProblem(problem: ConfigProblem): string {
  const { position, path, sentence } = problem;
  const place = position ? `${position.file}:${position.line}:${position.column}: ` : '';
  // Names of a file that is none may hold what a terminal takes for commands.
  const name = path.replace(/[\p{Cc}\p{Cf}]/gu, '\ufffd');
  return `${place}${name === '' ? '' : `${name}: `}${sentence}`;
}

/** Problems that are kept of one configuration; what comes after is counted by nobody. */
export const MAX_PROBLEMS = 100;

/** Collects problems, at most {@link MAX_PROBLEMS} and a last one that says so. */
export class ProblemList {
  readonly #problems: ConfigProblem[] = [];

  add(problem: ConfigProblem): void {
    if (this.#problems.length > MAX_PROBLEMS) return;
    this.#problems.push(
      this.#problems.length < MAX_PROBLEMS
        ? problem
        : {
            code: 'too-many-problems',
            path: '',
            sentence: `more than ${MAX_PROBLEMS} problems; the rest is not listed`,
          },
    );
  }

  get problems(): readonly ConfigProblem[] {
    return this.#problems;
  }

  /** Whether nothing more is taken: what costs time to say need not be worked out any more. */
  get isFull(): boolean {
    return this.#problems.length > MAX_PROBLEMS;
  }

  get isEmpty(): boolean {
    return this.#problems.length === 0;
  }
}

/** Text as it stands in a message: quoted, control characters escaped, cut after 60 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** Names as people enumerate them: `a`, `a or b`, `a, b or c`. */
export function alternatives(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`;
}
