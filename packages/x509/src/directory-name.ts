import { DerTag, type DerValue, readDerValues, readWholeDer } from '@ipsec-kit/crypto';

/** Most relative names of a name, and most attributes of each. */
const MAX_PARTS = 64;
const UNIVERSAL_STRING = 0x1c;
/** 1.2.840.113549.1.9.1 */
const EMAIL_ADDRESS = '42.134.72.134.247.13.1.9.1';

/** A name as it is compared. */
export interface DirectoryName {
  /** A text for each relative name, equal where these are. */
  readonly parts: readonly string[];
  /** The values of its attributes emailAddress. */
  readonly emails: readonly Uint8Array[];
}

/** Takes a Name in DER apart, so that equal names are equal texts, whatever their types of strings, their case and their spaces: what is
 * excluded must not come in by being written otherwise. @returns `undefined` when it is malformed.
 * @see RFC 5280 §7.1
 */
export function readDirectoryName(der: Uint8Array): DirectoryName | undefined {
  const sequence = readWholeDer(der, DerTag.SEQUENCE);
  const sets = sequence && readDerValues(sequence.contents, MAX_PARTS);
  if (sets === undefined) return undefined;
  const parts: string[] = [];
  const emails: Uint8Array[] = [];
  for (const { tag, contents } of sets) {
    const pairs = tag === DerTag.SET ? readDerValues(contents, MAX_PARTS) : undefined;
    const attributes = pairs?.map(({ contents: pair }) => readDerValues(pair, 2) ?? []);
    if (!attributes?.every((one) => one.length === 2)) return undefined;
    const texts = attributes.flatMap(([type, value]) => {
      if (!type || !value) return [];
      const oid = type.contents.join('.');
      if (oid === EMAIL_ADDRESS) emails.push(value.contents);
      return `${oid}=${JSON.stringify(textOf(value))}`;
    });
    // A relative name is a set.
    parts.push(texts.toSorted().join('+'));
  }
  return { parts, emails };
}

/** Whether one name begins with the relative names of another. */
export function beginsWith({ parts }: DirectoryName, base: DirectoryName): boolean {
  return base.parts.every((part, i) => part === parts[i]);
}

function textOf({ tag, contents }: DerValue): string {
  const text = decode(tag, contents);
  if (text === undefined) return `#${tag}.${contents.join('.')}`;
  return text.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim();
}

function decode(tag: number, bytes: Uint8Array): string | undefined {
  switch (tag) {
    case DerTag.UTF8_STRING:
      return utf8(bytes);
    case DerTag.PRINTABLE_STRING:
    case DerTag.IA5_STRING:
    case DerTag.T61_STRING:
      return units(bytes, 1);
    case DerTag.BMP_STRING:
      return units(bytes, 2);
    case UNIVERSAL_STRING:
      return units(bytes, 4);
    default:
      return undefined;
  }
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return decodeURIComponent(
      Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    );
  } catch {
    return undefined;
  }
}

/** Characters of so many bytes each. */
function units(bytes: Uint8Array, size: 1 | 2 | 4): string | undefined {
  if (bytes.length % size !== 0) return undefined;
  let text = '';
  for (let at = 0; at < bytes.length; at += size) {
    const point = bytes.subarray(at, at + size).reduce((sum, byte) => sum * 256 + byte, 0);
    if (point > 0x10_ffff) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}
