import { type ConfigPositions, sourceOf } from './config-positions.ts';
import {
  alternatives,
  type ConfigProblem,
  type ConfigProblemCode,
  ProblemList,
  quoted,
} from './config-problem.ts';
import { durationText } from './duration-text.ts';
import { nearestName } from './nearest-name.ts';

/** Reads values out of an options object that may come from JavaScript or JSON: the types are checked again,
 * and every mistake is noted with its path (or its place in the file, when positions are given).
 * A reader that notes a mistake returns the fallback, so that the rest can be checked too.
 */
export class OptionChecks {
  readonly #problems = new ProblemList();
  readonly #positions: ConfigPositions;

  constructor(positions: ConfigPositions) {
    this.#positions = positions;
  }

  get problems(): readonly ConfigProblem[] {
    return this.#problems.problems;
  }

  /** Whether no more mistakes are noted. */
  get isFull(): boolean {
    return this.#problems.isFull;
  }

  /** Notes a mistake. */
  problem(code: ConfigProblemCode, path: string, sentence: string): void {
    const source = sourceOf(path, this.#positions);
    const position = source.position ? { position: source.position } : {};
    this.#problems.add({ code, path: source.path ?? path, sentence, ...position });
  }

  /** Notes that a value is not what the option takes. */
  invalid(path: string, expected: string, got: unknown): void {
    this.problem('invalid-value', path, `expected ${expected}, got ${shown(got)}`);
  }

  /** Checks that a value is an object whose keys are all in `known`. */
  object(path: string, value: unknown, known: readonly string[]): void {
    if (!isObject(value)) {
      this.invalid(path, 'an object', value);
      return;
    }
    for (const key of Object.keys(value)) {
      if (known.includes(key) || this.isFull) continue;
      const nearest = nearestName(key, known);
      const hint = nearest === undefined ? '' : `; did you mean ${quoted(nearest)}?`;
      this.problem('unknown-key', join(path, key), `there is no such option${hint}`);
    }
  }

  /** The entries of a record from names to objects; none when it is absent. What is no object is noted and left out. */
  entries<T extends object>(
    path: string,
    value: Readonly<Record<string, T>> | undefined,
  ): [string, T][] {
    if (value === undefined) return [];
    if (!isObject(value)) {
      this.invalid(path, 'an object', value);
      return [];
    }
    return Object.entries(value).filter(([name, entry]) => {
      if (isObject(entry)) return true;
      this.invalid(join(path, name), 'an object', entry);
      return false;
    });
  }

  /** A list of strings; empty when it is absent. */
  strings(path: string, value: readonly string[] | undefined): readonly string[] {
    if (value === undefined) return [];
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
    this.invalid(path, 'a list of strings', value);
    return [];
  }

  boolean(path: string, value: boolean | undefined, fallback: boolean): boolean {
    if (value === undefined || typeof value === 'boolean') return value ?? fallback;
    this.invalid(path, 'true or false', value);
    return fallback;
  }

  /** A whole number from `min` to `max`. */
  integer(
    path: string,
    value: number | undefined,
    range: { readonly min: number; readonly max: number; readonly fallback: number },
  ): number {
    if (value === undefined) return range.fallback;
    if (Number.isInteger(value) && value >= range.min && value <= range.max) return value;
    this.invalid(path, `a whole number from ${range.min} to ${range.max}`, value);
    return range.fallback;
  }

  /** A time in whole milliseconds, from `min` to `max`; the sentence about another one has seconds, as configurations have. */
  durationMs(
    path: string,
    value: number | undefined,
    range: { readonly min: number; readonly max: number; readonly fallback: number },
  ): number {
    if (value === undefined) return range.fallback;
    if (Number.isInteger(value) && value >= range.min && value <= range.max) return value;
    if (!Number.isInteger(value)) this.invalid(path, 'a whole number of milliseconds', value);
    else {
      const expected = `expected ${durationText(range.min)} to ${durationText(range.max)}`;
      this.problem('invalid-value', path, `${expected}, got ${durationText(value)}`);
    }
    return range.fallback;
  }

  /** Any finite number from `min` to `max`. */
  number(
    path: string,
    value: number | undefined,
    range: { readonly min: number; readonly max: number; readonly fallback: number },
  ): number {
    if (value === undefined) return range.fallback;
    if (Number.isFinite(value) && value >= range.min && value <= range.max) return value;
    this.invalid(path, `a number from ${range.min} to ${range.max}`, value);
    return range.fallback;
  }

  /** One of a few words. */
  choice<T extends string>(
    path: string,
    value: T | undefined,
    choices: readonly T[],
    fallback: T,
  ): T {
    if (value === undefined) return fallback;
    if (choices.includes(value)) return value;
    this.invalid(path, alternatives(choices), value);
    return fallback;
  }
}

/** The path of a key inside something: `connections.home`, or the key alone at the top. */
export function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** Whether a value is an object with keys: not a list, not bytes, not null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}

function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return 'a list';
  return value === null || typeof value !== 'object' ? String(value) : 'an object';
}
