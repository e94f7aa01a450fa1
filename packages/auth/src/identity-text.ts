import { IdType } from '@ipsec-kit/ikev2-codec';
import { formatAddress } from '@ipsec-kit/ip';
import { decodeDistinguishedName, formatDistinguishedName } from './distinguished-name.ts';
import { encodeHex } from './hex.ts';
import type { Identity, IdentityError } from './identity.ts';
import { hasWildcardValue, type IdentityPattern } from './identity-pattern.ts';
import { readIdentityText, refuse } from './identity-reader.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** Longest identity that is printed whole; of a longer one its beginning, so that a peer cannot flood a log. */
const MAX_PRINTED_BYTES = 512;

/** The identity of a text, or why it is none. */
export type IdentityResult = { readonly ok: true; readonly identity: Identity } | IdentityError;

/** Reads one identity as strongSwan's configuration writes it:
 * `10.0.0.1` and `2001:db8::1` are addresses, `user@example.org` an e-mail address, `@gateway` and `gateway` an FQDN,
 * `@@user` an e-mail address, `@#6a6f65` a key id, `C=CH, O=Example, CN=host` a distinguished name;
 * `ipv4: ipv6: fqdn: dns: email: rfc822: userfqdn: asn1dn: asn1gn: keyid: {n}:` force a type, and `#` behind them says hexadecimal.
 * Text with `=` that is no distinguished name, and text with `:` that is no IPv6 address, is a key id.
 * @returns the identity, or an error for `%any` and for wildcards, which are patterns.
 * @see RFC 7296 §3.5
 */
export function parseIdentity(text: string): IdentityResult {
  const reading = readIdentityText(text);
  switch (reading.kind) {
    case 'error':
      return reading;
    case 'any':
      return refuse('any', text, 'it stands for every identity; name one');
    case 'exact':
      return { ok: true, identity: reading.identity };
    case 'name':
      return reading.text.startsWith('*')
        ? refuse('wildcard', text, 'a wildcard stands for many identities; name one')
        : { ok: true, identity: { idType: reading.idType, data: encodeUtf8(reading.text) } };
    case 'distinguished-name':
      return hasWildcardValue(decodeDistinguishedName(reading.identity.data) ?? [])
        ? refuse('wildcard', text, 'a wildcard stands for many identities; name one')
        : { ok: true, identity: reading.identity };
  }
}

/** An identity as text, safe to log: no control characters, bounded length. {@link parseIdentity} reads it back as an equal identity,
 * but for a distinguished name with letters that have to be replaced and for what is longer than 512 bytes.
 */
export function formatIdentity(identity: Identity): string {
  const { idType, data } = identity;
  const prefix = PREFIX[idType] ?? `{${idType}}`;
  if (data.length > MAX_PRINTED_BYTES) {
    return `${prefix}:#${encodeHex(data.subarray(0, 32))}... (${data.length} bytes)`;
  }
  const plain = plainText(identity);
  if (plain === undefined) return `${prefix}:#${encodeHex(data)}`;
  if (idType === IdType.ID_DER_ASN1_DN) return plain;
  const readable = [plain, `${prefix}:${plain}`].find((text) => readsBackAs(text, identity));
  return readable ?? `${prefix}:#${encodeHex(data)}`;
}

/** A pattern as text that `parseIdentityPattern` reads back: `%any`, `*@example.org`, `C=CH, CN=*`, or an identity. */
export function formatIdentityPattern(pattern: IdentityPattern): string {
  switch (pattern.kind) {
    case 'any':
      return '%any';
    case 'identity':
      return formatIdentity(pattern.identity);
    case 'dn-wildcard':
      return formatDistinguishedName(pattern.name) ?? `asn1dn:#${encodeHex(pattern.name)}`;
    case 'wildcard': {
      const isEmail = pattern.idType === IdType.ID_RFC822_ADDR;
      const isObvious = pattern.pattern !== '*' && pattern.pattern.includes('@') === isEmail;
      return isObvious ? pattern.pattern : `${isEmail ? 'email' : 'fqdn'}:${pattern.pattern}`;
    }
  }
}

const PREFIX: Readonly<Record<number, string>> = {
  [IdType.ID_IPV4_ADDR]: 'ipv4',
  [IdType.ID_IPV6_ADDR]: 'ipv6',
  [IdType.ID_FQDN]: 'fqdn',
  [IdType.ID_RFC822_ADDR]: 'email',
  [IdType.ID_DER_ASN1_DN]: 'asn1dn',
  [IdType.ID_DER_ASN1_GN]: 'asn1gn',
  [IdType.ID_KEY_ID]: 'keyid',
};

function plainText({ idType, data }: Identity): string | undefined {
  switch (idType) {
    case IdType.ID_IPV4_ADDR:
      return data.length === 4 ? formatAddress({ version: 4, bytes: data }) : undefined;
    case IdType.ID_IPV6_ADDR:
      return data.length === 16 ? formatAddress({ version: 6, bytes: data }) : undefined;
    case IdType.ID_DER_ASN1_DN:
      return formatDistinguishedName(data);
    case IdType.ID_FQDN:
    case IdType.ID_RFC822_ADDR:
    case IdType.ID_KEY_ID: {
      const text = decodeUtf8(data);
      return text === undefined || /[\p{C}\p{Zl}\p{Zp}]/u.test(text) ? undefined : text;
    }
    default:
      return undefined;
  }
}

function readsBackAs(text: string, identity: Identity): boolean {
  const result = parseIdentity(text);
  return (
    result.ok &&
    result.identity.idType === identity.idType &&
    encodeHex(result.identity.data) === encodeHex(identity.data)
  );
}
