/** The forms that a value has. Whatever else is said about it is said after it has this form. */
export type ValueKind =
  /** Any text. */
  | 'text'
  /** As text, but never shown. */
  | 'secret'
  /** Texts separated by commas; empty ones do not count. */
  | 'list'
  /** `yes`, `true`, `enabled`, `1`, `no`, `false`, `disabled`, `0`. */
  | 'boolean'
  /** Seconds, or with a unit: `30`, `30s`, `5m`, `2h`, `1d`. */
  | 'time'
  /** As time, and fractions: `4.0`, `0.5s`. */
  | 'fine-time'
  /** Bytes, or with a unit: `1024`, `500k`, `20m`, `1g`, in steps of 1024. */
  | 'bytes'
  | 'integer'
  /** As integer, and fractions. */
  | 'number'
  /** One of a few words. */
  | 'choice';

/** What {@link KEY_FORMS} prints for people. */
export const VALUE_FORMS: Readonly<Record<ValueKind, string>> = {
  text: 'text',
  secret: 'text, 0x and hexadecimal digits, or 0s and Base64',
  list: 'a list separated by commas',
  boolean: 'yes or no',
  time: 'a time such as 30, 30s, 5m, 2h or 1d',
  'fine-time': 'a time such as 4.0, 30s or 5m',
  bytes: 'a number of bytes such as 1024, 500k, 20m or 1g',
  integer: 'a whole number',
  number: 'a number',
  choice: 'one of a few words',
};

const TRUE = ['yes', 'true', 'enabled', '1'];
const FALSE = ['no', 'false', 'disabled', '0'];
const UNIT_SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };
const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Reads `yes` and the like, in any case. */
export function parseBoolean(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (TRUE.includes(word)) return true;
  return FALSE.includes(word) ? false : undefined;
}

/** Reads a time as whole milliseconds. */
export function parseTimeMs(text: string, fractions = false): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)\s*([smhd]?)$/i.exec(text.trim());
  if (!match || hasLeadingZero(match[1]) || (!fractions && match[1]?.includes('.')))
    return undefined;
  const ms = Math.round(
    Number(match[1]) * (UNIT_SECONDS[(match[2] ?? '').toLowerCase()] ?? 1) * 1000,
  );
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** Reads a number of bytes. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,16})\s*([kmg]?)$/i.exec(text.trim());
  if (!match || hasLeadingZero(match[1])) return undefined;
  const bytes = Number(match[1]) * (UNIT_BYTES[(match[2] ?? '').toLowerCase()] ?? 1);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Reads a whole number, decimal or `0x` hexadecimal. Leading zeros are refused: octal to some, decimal to others. */
export function parseInteger(text: string): number | undefined {
  const match = /^(?:0x[0-9a-f]{1,12}|\d{1,15})$/i.exec(text.trim());
  return match && !hasLeadingZero(match[0]) ? Number(match[0]) : undefined;
}

/** Reads a decimal number without sign or exponent. */
export function parseNumber(text: string): number | undefined {
  const match = /^\d{1,15}(?:\.\d{1,15})?$/.exec(text.trim());
  return match ? Number(match[0]) : undefined;
}

/** The texts of a list, without empty ones. */
export function parseList(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** One spelling for all values that mean the same, or `undefined` when the value does not have the form. */
export function normalValue(
  kind: ValueKind,
  text: string,
  choices: readonly string[] = [],
): string | undefined {
  switch (kind) {
    case 'text':
    case 'secret':
      return text;
    case 'list':
      return parseList(text).join(',');
    case 'choice': {
      const word = text.trim().toLowerCase();
      return choices.includes(word) ? word : undefined;
    }
    case 'boolean': {
      const value = parseBoolean(text);
      return value === undefined ? undefined : value ? 'yes' : 'no';
    }
    case 'time':
    case 'fine-time':
      return parseTimeMs(text, kind === 'fine-time')?.toString();
    case 'bytes':
      return parseBytes(text)?.toString();
    case 'integer':
      return parseInteger(text)?.toString();
    case 'number':
      return parseNumber(text)?.toString();
  }
}

function hasLeadingZero(digits: string | undefined): boolean {
  return /^0\d/.test(digits ?? '');
}
