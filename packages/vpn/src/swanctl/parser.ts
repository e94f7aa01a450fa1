import {
  type ConfigProblemCode,
  type ProblemList,
  quoted,
  type SourcePosition,
} from '../compile/config-problem.ts';
import { Lexer, type Token } from './lexer.ts';
import { createSection, type SectionReference, type SettingsSection } from './settings-tree.ts';

/** Sections inside one another; strongSwan's own files need five. */
export const MAX_SECTION_DEPTH = 32;

/** What stands where bytes are no UTF-8. */
const UNREADABLE = '\uFFFD';
const SECRET_KEY = /^(?:secret|pin)$/;
/** `file = a.pem secret = "..."`, on one line. */
const SECRET_INSIDE = /(?:^|\s)(?:secret|pin)\s*=/;

/** Told of every `include`: reads the files and puts their settings into `section`. */
export type IncludeHandler = (
  pattern: string,
  at: SourcePosition,
  section: SettingsSection,
  path: readonly string[],
) => void;

interface OpenSection {
  readonly section: SettingsSection;
  readonly path: readonly string[];
  readonly at: SourcePosition;
}

/** Reads the text of one file into `into`: `name { ... }`, `name : a, b.c { ... }`, `key = value`, `include PATTERN`, `#` comments.
 * Never throws; every mistake goes to `problems` with its place, and reading goes on where that makes sense.
 * @param path - the names of the sections around the `include` that led here.
 * @see strongswan.conf(5), "SYNTAX"
 */
export function parseSettings(
  text: string,
  file: string,
  into: SettingsSection,
  path: readonly string[],
  include: IncludeHandler,
  problems: ProblemList,
): void {
  new Parser(new Lexer(file, text), into, path, include, problems).run();
}

class Parser {
  readonly #lexer: Lexer;
  readonly #include: IncludeHandler;
  readonly #problems: ProblemList;
  readonly #open: OpenSection[] = [];
  #current: OpenSection;

  constructor(
    lexer: Lexer,
    into: SettingsSection,
    path: readonly string[],
    include: IncludeHandler,
    problems: ProblemList,
  ) {
    this.#lexer = lexer;
    this.#include = include;
    this.#problems = problems;
    this.#current = { section: into, path, at: lexer.position() };
  }

  run(): void {
    for (;;) {
      const token = this.#lexer.next();
      if (token.kind === 'end') {
        this.#end(token.at);
        return;
      }
      const goesOn = token.kind === 'name' ? this.#statement(token) : this.#punctuation(token);
      if (!goesOn) return;
    }
  }

  /** @returns false when the rest of the file cannot be understood. */
  #statement(name: Token & { kind: 'name' }): boolean {
    // `include` is a key like any other when `=` follows.
    if (name.text === 'include' && this.#lexer.isSpaceNext()) {
      const pattern = this.#lexer.pattern();
      if (pattern.kind === 'unterminated') return this.#unterminated(pattern.at);
      if (pattern.text?.startsWith('=')) return this.#assign(name, pattern.text.slice(1));
      if (pattern.text === undefined) {
        return this.#syntax(pattern.at, 'expected a file name or pattern after "include"');
      }
      this.#include(pattern.text, pattern.at, this.#current.section, this.#current.path);
      return true;
    }
    const token = this.#lexer.next();
    if (token.kind === 'punctuation') {
      if (token.text === '=') return this.#assign(name, undefined);
      if (token.text === '{') return this.#enter(name, []);
      if (token.text === ':') return this.#inherit(name);
      if (token.text === '.') {
        const text = `names have no dots here: write ${name.text} { ... } with the rest inside`;
        return this.#fatal(token.at, text);
      }
    }
    this.#syntax(token.at, `expected "=", "{" or ":" after a name, got ${shown(token)}`);
    return token.kind !== 'end';
  }

  #assign(name: Token & { kind: 'name' }, start: string | undefined): boolean {
    const value = this.#lexer.value();
    if (value.kind === 'unterminated') return this.#unterminated(value.at);
    const parts = [start, value.text].filter((part) => part !== undefined && part !== '');
    const text = start === undefined ? value.text : parts.length > 0 ? parts.join(' ') : undefined;
    const at = text === undefined ? name.at : value.at;
    if (text?.includes(UNREADABLE)) {
      // Another password than the one that is meant would be refused by the peer, for no reason that anybody sees.
      const hint =
        'save the file as UTF-8, or write a secret of other bytes as 0x and their digits';
      this.#report(at, `this value holds letters that are not UTF-8: ${hint}`);
      return true;
    }
    if (!SECRET_KEY.test(name.text) && text !== undefined && SECRET_INSIDE.test(text)) {
      // Taken as the value it is written as, the secret would stand in whatever is said about it.
      this.#report(at, 'a value goes on to the end of its line: begin a new line before "secret"');
      return true;
    }
    this.#current.section.values.set(name.text, { text, keyAt: name.at, at });
    return true;
  }

  #inherit(name: Token & { kind: 'name' }): boolean {
    const references: SectionReference[] = [];
    for (;;) {
      const first = this.#lexer.next();
      if (first.kind !== 'name') {
        return this.#fatal(first.at, `expected the name of a section, got ${shown(first)}`);
      }
      const names = [first.text];
      while (this.#lexer.isNext('.')) {
        this.#lexer.next();
        const part = this.#lexer.next();
        if (part.kind !== 'name') {
          return this.#fatal(part.at, `expected the name of a section, got ${shown(part)}`);
        }
        names.push(part.text);
      }
      references.push({ names, at: first.at });
      const token = this.#lexer.next();
      if (token.kind === 'punctuation' && token.text === ',') continue;
      if (token.kind === 'punctuation' && token.text === '{') return this.#enter(name, references);
      return this.#fatal(token.at, `expected "," or "{", got ${shown(token)}`);
    }
  }

  #enter(name: Token & { kind: 'name' }, references: readonly SectionReference[]): boolean {
    if (this.#current.path.length >= MAX_SECTION_DEPTH) {
      return this.#fatal(name.at, `sections nest deeper than ${MAX_SECTION_DEPTH}`);
    }
    const parent = this.#current;
    const section = parent.section.sections.get(name.text) ?? createSection(name.at);
    parent.section.sections.set(name.text, section);
    section.references.push(...references);
    this.#open.push(parent);
    this.#current = { section, path: [...parent.path, name.text], at: name.at };
    return true;
  }

  #punctuation(token: Token & { kind: 'punctuation' }): boolean {
    if (token.text === '}') {
      const parent = this.#open.pop();
      if (parent) this.#current = parent;
      else this.#report(token.at, 'there is no section to close with "}"');
      return true;
    }
    const text = `expected a section or a key, got ${shown(token)}`;
    return token.text === '{' ? this.#fatal(token.at, text) : this.#syntax(token.at, text);
  }

  #end(at: SourcePosition): void {
    if (this.#open.length === 0) return;
    const { line } = this.#current.at;
    const name = this.#current.path.at(-1) ?? '';
    this.#report(
      at,
      `the file ends inside the section ${quoted(name)} of line ${line}: "}" is missing`,
    );
  }

  #unterminated(at: SourcePosition): false {
    return this.#fatal(at, "the quoted text that begins here has no closing '\"'");
  }

  /** Goes on with the next line. */
  #syntax(at: SourcePosition, sentence: string): true {
    this.#report(at, sentence);
    this.#lexer.skipLine();
    return true;
  }

  #fatal(at: SourcePosition, sentence: string): false {
    this.#report(at, sentence);
    return false;
  }

  #report(position: SourcePosition, sentence: string): void {
    const code: ConfigProblemCode = 'syntax';
    this.#problems.add({ code, path: this.#current.path.join('.'), position, sentence });
  }
}

/** Names are not repeated: a slip in the lines around a secret would print it. The position says where to look. */
function shown(token: Token): string {
  if (token.kind === 'end') return 'the end of the file';
  return token.kind === 'name' ? 'another word' : quoted(token.text);
}
