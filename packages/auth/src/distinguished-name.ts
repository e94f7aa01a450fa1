import { DerTag, readDer, writeDer } from '@ipsec-kit/crypto';
import { attributeOid, attributeTypeName, attributeTypeOfName } from './attribute-types.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** Most attributes in a name that is taken apart; a name with more is compared byte by byte only. */
const MAX_ATTRIBUTES = 64;
/** Most bytes of an OBJECT IDENTIFIER. */
const MAX_OID_BYTES = 64;

/** One attribute of a distinguished name. */
export interface NameAttribute {
  /** Contents of the OBJECT IDENTIFIER. */
  readonly oid: Uint8Array;
  /** `DerTag.*` of the value. */
  readonly tag: number;
  readonly value: Uint8Array;
}

/** Encodes a distinguished name written as `C=CH, O=Example, CN=host` or `/C=CH/O=Example/CN=host`.
 * The separator is `/` when the text begins with it and a comma otherwise; a value cannot contain its separator, there is no escape.
 * Values become PrintableString where its letters suffice and UTF8String otherwise; e-mail addresses IA5String.
 * @returns the DER, or `undefined` when the text is not a name or has an unknown attribute type.
 * @see RFC 5280 §4.1.2.4
 */
export function encodeDistinguishedName(text: string): Uint8Array | undefined {
  const trimmed = text.trim();
  const bySlash = trimmed.startsWith('/');
  const parts = (bySlash ? trimmed.slice(1) : trimmed).split(bySlash ? '/' : ',');
  // One separator at the end is forgiven.
  if (parts.length > 1 && parts.at(-1)?.trim() === '') parts.pop();
  const names: Uint8Array[] = [];
  for (const part of parts) {
    const name = encodeRelativeName(part);
    if (name === undefined) return undefined;
    names.push(name);
  }
  return names.length > MAX_ATTRIBUTES ? undefined : writeDer(DerTag.SEQUENCE, ...names);
}

function encodeRelativeName(text: string): Uint8Array | undefined {
  const equals = text.indexOf('=');
  if (equals === -1) return undefined;
  const type = attributeTypeOfName(text.slice(0, equals).trim());
  if (type === undefined) return undefined;
  const value = text.slice(equals + 1).trim();
  const tag = type.tag ?? (isPrintable(value) ? DerTag.PRINTABLE_STRING : DerTag.UTF8_STRING);
  return writeDer(
    DerTag.SET,
    writeDer(
      DerTag.SEQUENCE,
      writeDer(DerTag.OBJECT_IDENTIFIER, attributeOid(type)),
      writeDer(tag, encodeUtf8(value)),
    ),
  );
}

/** @see ITU-T X.680 §41.4 (the letters of PrintableString) */
function isPrintable(value: string): boolean {
  return /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value);
}

/** Takes a DER distinguished name apart into its attributes, in order.
 * @returns `undefined` when it is not a name in DER; never throws, and reads each byte a bounded number of times.
 */
export function decodeDistinguishedName(der: Uint8Array): readonly NameAttribute[] | undefined {
  const name = readDer(der, 0);
  if (name?.tag !== DerTag.SEQUENCE || name.end !== der.length) return undefined;
  const attributes: NameAttribute[] = [];
  for (let offset = 0; offset < name.contents.length; ) {
    const set = readDer(name.contents, offset);
    if (set?.tag !== DerTag.SET || set.contents.length === 0) return undefined;
    for (let inner = 0; inner < set.contents.length; ) {
      const pair = readDer(set.contents, inner);
      const attribute = pair?.tag === DerTag.SEQUENCE ? readAttribute(pair.contents) : undefined;
      if (pair === undefined || attribute === undefined) return undefined;
      if (attributes.length === MAX_ATTRIBUTES) return undefined;
      attributes.push(attribute);
      inner = pair.end;
    }
    offset = set.end;
  }
  return attributes;
}

function readAttribute(pair: Uint8Array): NameAttribute | undefined {
  const oid = readDer(pair, 0);
  if (oid?.tag !== DerTag.OBJECT_IDENTIFIER) return undefined;
  if (oid.contents.length === 0 || oid.contents.length > MAX_OID_BYTES) return undefined;
  const value = readDer(pair, oid.end);
  if (value === undefined || value.end !== pair.length) return undefined;
  return { oid: oid.contents, tag: value.tag, value: value.contents };
}

/** The name as text, `C=CH, O=Example, CN=host`. What cannot be printed in a value becomes `?`, as does a separator.
 * @returns `undefined` when `der` is not a distinguished name.
 */
export function formatDistinguishedName(der: Uint8Array): string | undefined {
  return decodeDistinguishedName(der)
    ?.map(({ oid, value }) => `${attributeTypeName(oid)}=${printableValue(value)}`)
    .join(', ');
}

function printableValue(value: Uint8Array): string {
  const text = decodeUtf8(value) ?? String.fromCharCode(...value.subarray(0, 256));
  return text.replace(/[\p{C}\p{Zl}\p{Zp},]/gu, '?');
}
