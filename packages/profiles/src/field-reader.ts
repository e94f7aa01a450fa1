import { base64nopad } from '@scure/base';

/** Longest single text inside. */
const MAX_TEXT_LETTERS = 4_096;
const MAX_LIST = 256;
const MAX_OTHERS = 16;

/** Refuses. */
export function refuse(sentence: string): { readonly ok: false; readonly sentence: string } {
  return { ok: false, sentence };
}

/** Fields of something that was parsed, taken by type; what is malformed is noted once, by its name. */
export class FieldReader {
  readonly #value: unknown;
  readonly #path: string;
  readonly faults: string[];

  constructor(value: unknown, path = '', faults: string[] = []) {
    this.#value = value;
    this.#path = path;
    this.faults = faults;
  }

  /** The fields of a field that is an object itself. */
  inside(key: string): FieldReader {
    return new FieldReader(this.#field(key), `${this.#path}${key}.`, this.faults);
  }

  has(key: string): boolean {
    return this.#field(key) !== undefined;
  }

  /** Names of fields that are not among those which are understood, with the path to them; at most 16. */
  others(known: readonly string[]): readonly string[] {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
    const names = Object.keys(value).filter((name) => !known.includes(name));
    return names.slice(0, MAX_OTHERS).map((name) => {
      const isName = /^[\w.-]{1,64}$/.test(name);
      return `${this.#path}${isName ? name : '(a name that is none)'}`;
    });
  }

  /** One line of text. */
  text(key: string): string | undefined {
    const value = this.#field(key);
    if (value === undefined || value === '') return undefined;
    const isLine = typeof value === 'string' && value.length <= MAX_TEXT_LETTERS;
    // A line break or quote would be syntax in the configuration that is written of it.
    if (isLine && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value)) return value;
    return this.#fault(key, 'one line of text');
  }

  number(key: string, min: number, max: number): number | undefined {
    const value = this.#field(key);
    if (value === undefined) return undefined;
    const isNumber = typeof value === 'number' && Number.isInteger(value);
    return isNumber && value >= min && value <= max
      ? value
      : this.#fault(key, `a whole number from ${min} to ${max}`);
  }

  /** Apple writes 0 and 1 as well. */
  boolean(key: string): boolean | undefined {
    const value = this.#field(key);
    if (value === undefined) return undefined;
    if (value === true || value === 1) return true;
    return value === false || value === 0 ? false : this.#fault(key, 'true or false');
  }

  /** A list of texts, or texts in one text separated by spaces or commas. */
  texts(key: string): readonly string[] {
    const value = this.#field(key);
    if (value === undefined) return [];
    const list: readonly unknown[] = Array.isArray(value)
      ? value
      : typeof value === 'string'
        ? value.split(/[\s,]+/)
        : [undefined];
    const texts = list.filter((one) => typeof one === 'string' && one.length <= 128);
    if (texts.length !== list.length || list.length > MAX_LIST) {
      this.#fault(key, `a list of at most ${MAX_LIST} texts`);
      return [];
    }
    return texts.map(String).filter((one) => one !== '');
  }

  /** Objects of a list. */
  objects(key: string): readonly FieldReader[] {
    const value = this.#field(key);
    if (!Array.isArray(value) || value.length > MAX_LIST) return [];
    return value.map((one, i) => new FieldReader(one, `${this.#path}${key}[${i}].`, this.faults));
  }

  bytes(key: string): Uint8Array | undefined {
    const value = this.#field(key);
    if (value === undefined) return undefined;
    if (value instanceof Uint8Array && value.length > 0) return value;
    const decoded = typeof value === 'string' ? decodeBase64(value) : undefined;
    return decoded ?? this.#fault(key, 'Base64');
  }

  #field(key: string): unknown {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    const field: unknown = Object.entries(value).find(([name]) => name === key)?.[1];
    return field === null ? undefined : field;
  }

  #fault(key: string, expected: string): undefined {
    this.faults.push(`${this.#path}${key} is not ${expected}`);
    return undefined;
  }
}

/** The bytes of a Base64 text with white space, padded or not; or `undefined`. @see RFC 4648 §4 */
function decodeBase64(text: string): Uint8Array | undefined {
  const letters = text.replace(/\s+/g, '').replace(/=+$/, '');
  if (letters.length === 0) return undefined;
  try {
    return base64nopad.decode(letters);
  } catch {
    return undefined; // The library throws at what RFC 4648 §3 forbids.
  }
}
