import { IdType } from '@ipsec-kit/ikev2-codec';
import { parseAddress } from '@ipsec-kit/ip';
import { encodeDistinguishedName } from './distinguished-name.ts';
import { decodeHex } from './hex.ts';
import type { Identity, IdentityError, IdentityErrorCode } from './identity.ts';
import { encodeUtf8 } from './utf8.ts';

/** What a text says before it is known whether it stands for one identity or for a pattern. */
export type IdentityReading =
  | { readonly kind: 'any' }
  /** The string of an FQDN or e-mail address: a leading `*` in it is a wildcard. */
  | { readonly kind: 'name'; readonly idType: number; readonly text: string }
  /** A distinguished name that was given as text: a value `*` in it is a wildcard. */
  | { readonly kind: 'distinguished-name'; readonly identity: Identity }
  | { readonly kind: 'exact'; readonly identity: Identity }
  | IdentityError;

/** The prefixes that name a type. */
export const IDENTITY_PREFIXES: Readonly<Record<string, number>> = {
  ipv4: IdType.ID_IPV4_ADDR,
  ipv6: IdType.ID_IPV6_ADDR,
  fqdn: IdType.ID_FQDN,
  dns: IdType.ID_FQDN,
  email: IdType.ID_RFC822_ADDR,
  rfc822: IdType.ID_RFC822_ADDR,
  userfqdn: IdType.ID_RFC822_ADDR,
  asn1dn: IdType.ID_DER_ASN1_DN,
  asn1gn: IdType.ID_DER_ASN1_GN,
  keyid: IdType.ID_KEY_ID,
};

/** Everything that strongSwan takes for "any identity". */
const ANY: readonly string[] = ['', '%any', '%any6', '0.0.0.0', '*', '::', '0::0'];

/** Reads an identity as strongSwan's configuration has it. @see RFC 7296 §3.5 */
export function readIdentityText(input: string): IdentityReading {
  const text = input.trim();
  const explicit = /^(?:\{(\d+)\}|([a-z0-9]+)):(.*)$/is.exec(text);
  if (explicit) {
    const [, number, prefix = '', value = ''] = explicit;
    const idType = number === undefined ? IDENTITY_PREFIXES[prefix.toLowerCase()] : Number(number);
    if (idType !== undefined) return readTyped(text, idType, value);
  }
  return readUntyped(text);
}

function readTyped(text: string, idType: number, value: string): IdentityReading {
  if (idType < 1 || idType > 255) {
    return refuse('bad-type', text, 'an identity type is a number from 1 to 255');
  }
  if (value.startsWith('#')) return readHex(text, idType, value.slice(1));
  switch (idType) {
    case IdType.ID_IPV4_ADDR:
    case IdType.ID_IPV6_ADDR:
      return readAddress(text, idType, value);
    case IdType.ID_FQDN:
    case IdType.ID_RFC822_ADDR:
      return readName(text, idType, value);
    case IdType.ID_DER_ASN1_DN: {
      const data = encodeDistinguishedName(value);
      return data
        ? { kind: 'distinguished-name', identity: { idType, data } }
        : refuse('bad-name', text, 'write a distinguished name like "C=CH, O=Example, CN=host"');
    }
    default:
      return { kind: 'exact', identity: { idType, data: encodeUtf8(value) } };
  }
}

function readUntyped(text: string): IdentityReading {
  if (ANY.includes(text)) return { kind: 'any' };
  if (text.includes('=')) {
    const data = encodeDistinguishedName(text);
    return data
      ? { kind: 'distinguished-name', identity: { idType: IdType.ID_DER_ASN1_DN, data } }
      : exactText(IdType.ID_KEY_ID, text);
  }
  if (text.startsWith('@#')) return readHex(text, IdType.ID_KEY_ID, text.slice(2));
  if (text.startsWith('@@')) return readName(text, IdType.ID_RFC822_ADDR, text.slice(2));
  if (text.startsWith('@')) return readName(text, IdType.ID_FQDN, text.slice(1));
  if (text.includes('@')) return readName(text, IdType.ID_RFC822_ADDR, text);
  const address = parseAddress(text);
  if (address) {
    const idType = address.version === 4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR;
    return { kind: 'exact', identity: { idType, data: address.bytes } };
  }
  if (isAddressRange(text)) {
    return refuse(
      'address-range',
      text,
      'IKEv2 has no identity for a prefix or range of addresses; write one address, or %any',
    );
  }
  return text.includes(':')
    ? exactText(IdType.ID_KEY_ID, text)
    : readName(text, IdType.ID_FQDN, text);
}

function readHex(text: string, idType: number, digits: string): IdentityReading {
  const data = decodeHex(digits);
  if (data === undefined) {
    return refuse('bad-hex', text, 'behind # stands an even number of hexadecimal digits');
  }
  return fitsType(idType, data)
    ? { kind: 'exact', identity: { idType, data } }
    : refuse('bad-address', text, 'an IPv4 address has 4 bytes, an IPv6 address 16');
}

/** strongSwan takes the text behind `ipv4:` as raw bytes, which no peer accepts: here it is read as the address that it is. */
function readAddress(text: string, idType: number, value: string): IdentityReading {
  const data = parseAddress(value)?.bytes;
  return data && fitsType(idType, data)
    ? { kind: 'exact', identity: { idType, data } }
    : refuse('bad-address', text, 'write an address of that family behind the prefix');
}

function readName(text: string, idType: number, value: string): IdentityReading {
  // RFC 7296 §3.5: the string MUST NOT contain any terminators.
  if (value === '' || /[\p{Cc}]/u.test(value)) {
    return refuse('bad-name', text, 'a name has at least one letter and no control characters');
  }
  return { kind: 'name', idType, text: value };
}

function exactText(idType: number, text: string): IdentityReading {
  return { kind: 'exact', identity: { idType, data: encodeUtf8(text) } };
}

function fitsType(idType: number, data: Uint8Array): boolean {
  if (idType === IdType.ID_IPV4_ADDR) return data.length === 4;
  if (idType === IdType.ID_IPV6_ADDR) return data.length === 16;
  return true;
}

function isAddressRange(text: string): boolean {
  const [first = ''] = text.split(/[/-]/, 1);
  return first !== text && parseAddress(first) !== undefined;
}

/** A refusal that quotes the text, shortened. */
export function refuse(code: IdentityErrorCode, text: string, advice: string): IdentityError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}...` : text;
  return {
    ok: false,
    kind: 'error',
    code,
    sentence: `"${shown}" is not usable as an identity: ${advice}`,
  };
}
