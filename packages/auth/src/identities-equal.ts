import { bytesEqual, DerTag } from '@ipsec-kit/crypto';
import { IdType } from '@ipsec-kit/ikev2-codec';
import { decodeDistinguishedName, type NameAttribute } from './distinguished-name.ts';
import type { Identity } from './identity.ts';

/** Whether two identities are the same: of one type, and equal in its terms. FQDNs and e-mail addresses ignore the case of ASCII letters
 * (RFC 4945 §3.1.2, §3.1.3); distinguished names ignore it too, and which type of string was used; all else is byte for byte.
 */
export function identitiesEqual(a: Identity, b: Identity): boolean {
  if (a.idType !== b.idType) return false;
  switch (a.idType) {
    case IdType.ID_FQDN:
    case IdType.ID_RFC822_ADDR:
      return equalIgnoringCase(a.data, b.data);
    case IdType.ID_DER_ASN1_DN:
      return bytesEqual(a.data, b.data) || namesEqual(a.data, b.data);
    default:
      return bytesEqual(a.data, b.data);
  }
}

function namesEqual(a: Uint8Array, b: Uint8Array): boolean {
  const left = decodeDistinguishedName(a);
  const right = decodeDistinguishedName(b);
  if (left === undefined || right?.length !== left.length) return false;
  return left.every((attribute, i) => {
    const other = right[i];
    return other !== undefined && attributesEqual(attribute, other);
  });
}

/** Strings whose letters up to 0x7f are ASCII; others (BMPString) are compared byte for byte. */
const STRING_TAGS: readonly number[] = [
  DerTag.UTF8_STRING,
  DerTag.PRINTABLE_STRING,
  DerTag.T61_STRING,
  DerTag.IA5_STRING,
];

/** Whether two attributes have the same type and, as text, the same value. */
export function attributesEqual(a: NameAttribute, b: NameAttribute): boolean {
  if (!bytesEqual(a.oid, b.oid)) return false;
  if (STRING_TAGS.includes(a.tag) && STRING_TAGS.includes(b.tag)) {
    return equalIgnoringCase(a.value, b.value);
  }
  return a.tag === b.tag && bytesEqual(a.value, b.value);
}

/** Byte for byte, but for the case of ASCII letters. */
export function equalIgnoringCase(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => lower(byte) === lower(b[i] ?? 0));
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
