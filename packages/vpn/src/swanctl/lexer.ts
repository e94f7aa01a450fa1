import type { SourcePosition } from '../compile/config-problem.ts';

/** What stands between names and values. Newlines end nothing but values and comments, so the lexer skips them. */
export type Token =
  | { readonly kind: 'name'; readonly text: string; readonly at: SourcePosition }
  | {
      readonly kind: 'punctuation';
      readonly text: '.' | ',' | ':' | '{' | '}' | '=' | '"';
      readonly at: SourcePosition;
    }
  | { readonly kind: 'end'; readonly at: SourcePosition };

/** The rest of a line behind `=` or `include`. */
export type ValueToken =
  | { readonly kind: 'value'; readonly text: string | undefined; readonly at: SourcePosition }
  | { readonly kind: 'unterminated'; readonly at: SourcePosition };

const SPACE = /[ \t\r]+/y;
const BLANK = /[ \t\r\n]+/y;
const COMMENT = /#[^\n]*/y;
const NAME = /[^.,:{}="#\n\r\t ]+/y;
const WORD = /[^}#"\n\r\t ]+/y;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\n': '' };
const PUNCTUATION = ['.', ',', ':', '{', '}', '=', '"'] as const;

/** Cuts the text of one file into tokens, in one pass. The parser says which kind of token it wants,
 * since a value knows no punctuation: only newline, `#` and `}` end it.
 */
export class Lexer {
  readonly #file: string;
  readonly #text: string;
  #offset: number;
  #line = 1;
  #lineStart: number;
  /** The first newline that was not passed yet: found once, so that the whole text is searched once. */
  #newline: number;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
    // Editors of other systems put a byte order mark in front.
    this.#offset = text.startsWith('\uFEFF') ? 1 : 0;
    this.#lineStart = this.#offset;
    this.#newline = newlineFrom(text, this.#offset);
  }

  /** Where the next character stands. */
  position(): SourcePosition {
    return {
      file: this.#file,
      line: this.#line,
      column: this.#offset - this.#lineStart + 1,
    };
  }

  /** The next name or punctuation, comments and newlines skipped. */
  next(): Token {
    while (this.#take(BLANK) !== '' || this.#take(COMMENT) !== '') {
      // Any number of lines may be empty or comments.
    }
    const at = this.position();
    const name = this.#take(NAME);
    if (name !== '') return { kind: 'name', text: name, at };
    const character = this.#text[this.#offset];
    const text = PUNCTUATION.find((one) => one === character);
    if (text === undefined) return { kind: 'end', at };
    this.#offset += 1;
    return { kind: 'punctuation', text, at };
  }

  /** Whether the next character is `character`, without blanks in between. */
  isNext(character: string): boolean {
    return this.#text[this.#offset] === character;
  }

  /** Whether blanks, but no newline, come next. */
  isSpaceNext(): boolean {
    return /[ \t\r]/.test(this.#text[this.#offset] ?? '');
  }

  /** The value behind `=`: words and quoted strings up to newline, `#` or `}`, joined by one space each. */
  value(): ValueToken {
    this.#take(SPACE);
    const at = this.position();
    const words: string[] = [];
    for (;;) {
      this.#take(SPACE);
      const word = this.#word();
      if (word === undefined) break;
      if (typeof word !== 'string') return word;
      words.push(word);
    }
    return { kind: 'value', text: words.length === 0 ? undefined : words.join(' '), at };
  }

  /** The one word or quoted string behind `include`. */
  pattern(): ValueToken {
    this.#take(SPACE);
    const at = this.position();
    const word = this.#word();
    return typeof word === 'object' ? word : { kind: 'value', text: word, at };
  }

  /** Goes on with the next line, after a mistake in this one. */
  skipLine(): void {
    this.#advance(this.#newline);
  }

  #word(): string | ValueToken | undefined {
    if (this.isNext('"')) return this.#quoted();
    const word = this.#take(WORD);
    return word === '' ? undefined : word;
  }

  #quoted(): string | ValueToken {
    const at = this.position();
    const parts: string[] = [];
    let from = this.#offset + 1;
    for (let index = from; index < this.#text.length; index++) {
      const character = this.#text[index];
      if (character === '"') {
        parts.push(this.#text.slice(from, index));
        this.#advance(index + 1);
        return parts.join('');
      }
      if (character === '\\' && index + 1 < this.#text.length) {
        const escaped = this.#text[index + 1] ?? '';
        parts.push(this.#text.slice(from, index), ESCAPES[escaped] ?? escaped);
        index += 1;
        from = index + 1;
      }
    }
    this.#advance(this.#text.length);
    return { kind: 'unterminated', at };
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#advance(this.#offset + found.length);
    return found;
  }

  #advance(to: number): void {
    while (this.#newline < to) {
      this.#line += 1;
      this.#lineStart = this.#newline + 1;
      this.#newline = newlineFrom(this.#text, this.#lineStart);
    }
    this.#offset = to;
  }
}

function newlineFrom(text: string, offset: number): number {
  const found = text.indexOf('\n', offset);
  return found < 0 ? text.length : found;
}
