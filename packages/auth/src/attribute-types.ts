import { DerTag } from '@ipsec-kit/crypto';
import { decodeHex, encodeHex } from './hex.ts';

/** A type of attribute in a distinguished name. */
export interface AttributeType {
  /** How it is printed. */
  readonly name: string;
  /** How else it may be written. */
  readonly aliases?: readonly string[];
  /** The contents of its OBJECT IDENTIFIER, in hexadecimal. */
  readonly oid: string;
  /** The type of string that its definition asks for; otherwise PrintableString or UTF8String. */
  readonly tag?: number;
}

/** Names of attribute types as strongSwan reads and prints them (`SN` is the surname, `ID` the unique identifier).
 * @see RFC 4514 §3, RFC 4519 §2, RFC 2985 §5
 */
const ATTRIBUTE_TYPES: readonly AttributeType[] = [
  { name: 'CN', oid: '550403' },
  { name: 'SN', oid: '550404' },
  { name: 'serialNumber', oid: '550405' },
  { name: 'C', oid: '550406' },
  { name: 'L', oid: '550407' },
  { name: 'ST', oid: '550408' },
  { name: 'STREET', oid: '550409' },
  { name: 'O', oid: '55040a' },
  { name: 'OU', oid: '55040b' },
  { name: 'T', oid: '55040c' },
  { name: 'D', oid: '55040d' },
  { name: 'postalCode', oid: '550411' },
  { name: 'N', oid: '550429' },
  { name: 'G', oid: '55042a' },
  { name: 'I', oid: '55042b' },
  { name: 'ID', oid: '55042d' },
  { name: 'dnQualifier', oid: '55042e' },
  { name: 'dmdName', oid: '550436' },
  { name: 'pseudonym', oid: '550441' },
  { name: 'UID', oid: '0992268993f22c640101' },
  { name: 'DC', oid: '0992268993f22c640119' },
  {
    name: 'E',
    aliases: ['Email', 'emailAddress'],
    oid: '2a864886f70d010901',
    tag: DerTag.IA5_STRING,
  },
  { name: 'unstructuredName', aliases: ['UN'], oid: '2a864886f70d010902', tag: DerTag.IA5_STRING },
  { name: 'unstructuredAddress', oid: '2a864886f70d010908' },
  { name: 'employeeNumber', aliases: ['EN'], oid: '6086480186f842030103' },
];

/** The attribute type of a name, in any case. */
export function attributeTypeOfName(name: string): AttributeType | undefined {
  const wanted = name.toLowerCase();
  return ATTRIBUTE_TYPES.find((type) =>
    [type.name, ...(type.aliases ?? [])].some((known) => known.toLowerCase() === wanted),
  );
}

/** The printed name of the contents of an OBJECT IDENTIFIER; an unknown one in dotted decimal. */
export function attributeTypeName(oid: Uint8Array): string {
  const hex = encodeHex(oid);
  return ATTRIBUTE_TYPES.find((type) => type.oid === hex)?.name ?? dottedDecimal(oid);
}

/** The contents of the OBJECT IDENTIFIER of a type. */
export function attributeOid(type: AttributeType): Uint8Array {
  return decodeHex(type.oid) ?? new Uint8Array(0);
}

/** @see ITU-T X.690 §8.19 */
function dottedDecimal(oid: Uint8Array): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const byte of oid) {
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if (byte & 0x80) continue;
    if (arcs.length === 0) {
      const top = arc < 80n ? arc / 40n : 2n;
      arcs.push(top, arc - top * 40n);
    } else {
      arcs.push(arc);
    }
    arc = 0n;
  }
  return arcs.join('.');
}
