import type { ConfigSource } from '../compile/config-positions.ts';
import {
  normalValue,
  parseBoolean,
  parseBytes,
  parseInteger,
  parseList,
  parseNumber,
  parseTimeMs,
} from './setting-values.ts';
import type { SettingsSection } from './settings-tree.ts';

/** Positions while they are being collected. */
export type PositionMap = Map<string, ConfigSource>;

/** Reads the values of one section as options, and notes where each option came from.
 * A value of the wrong form reads as absent: the check of the settings has already said so.
 */
export class SettingsReader {
  readonly #section: SettingsSection;
  readonly #path: string;
  readonly #optionPath: string;
  readonly #positions: PositionMap;

  /** @param path - of the section, in the file's spelling; `optionPath` is the same in that of the options. */
  constructor(section: SettingsSection, path: string, optionPath: string, positions: PositionMap) {
    this.#section = section;
    this.#path = path;
    this.#optionPath = optionPath;
    this.#positions = positions;
    positions.set(optionPath, { path, position: section.at });
  }

  /** The text of a key; the option is named `option`. */
  text(key: string, option: string = key): string | undefined {
    const value = this.#section.values.get(key);
    if (value?.text === undefined) return undefined;
    const source = { path: `${this.#path}.${key}`, position: value.at };
    this.#positions.set(`${this.#optionPath}.${option}`, source);
    return value.text;
  }

  list(key: string, option: string = key): readonly string[] | undefined {
    return mapped(this.text(key, option), parseList);
  }

  boolean(key: string, option: string = key): boolean | undefined {
    return mapped(this.text(key, option), parseBoolean);
  }

  timeMs(key: string, option: string): number | undefined {
    return mapped(this.text(key, option), (text) => parseTimeMs(text, false));
  }

  fineTimeMs(key: string, option: string): number | undefined {
    return mapped(this.text(key, option), (text) => parseTimeMs(text, true));
  }

  bytes(key: string, option: string): number | undefined {
    return mapped(this.text(key, option), parseBytes);
  }

  integer(key: string, option: string): number | undefined {
    return mapped(this.text(key, option), parseInteger);
  }

  number(key: string, option: string): number | undefined {
    return mapped(this.text(key, option), parseNumber);
  }

  /** One of `choices`, or absent; booleans stand for the words `yes` and `no` where these are choices. */
  choice<T extends string>(key: string, option: string, choices: readonly T[]): T | undefined {
    const text = this.text(key, option);
    if (text === undefined) return undefined;
    const word = text.trim().toLowerCase();
    return (
      choices.find((one) => one === word) ??
      choices.find((one) => one === normalValue('boolean', word))
    );
  }
}

function mapped<T>(
  text: string | undefined,
  parse: (text: string) => T | undefined,
): T | undefined {
  return text === undefined ? undefined : parse(text);
}

/** The same object without what is `undefined`: absent and undefined are not the same in options. */
export function present<T extends object>(
  object: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
