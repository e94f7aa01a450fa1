import { bytesEqual } from '@ipsec-kit/crypto';
import { IdType } from '@ipsec-kit/ikev2-codec';
import { decodeDistinguishedName, type NameAttribute } from './distinguished-name.ts';
import { attributesEqual, equalIgnoringCase, identitiesEqual } from './identities-equal.ts';
import type { Identity, IdentityError } from './identity.ts';
import { readIdentityText, refuse } from './identity-reader.ts';
import { encodeUtf8 } from './utf8.ts';

/** An identity to match a peer's against: exact, or with wildcards; `any` matches every one. */
export type IdentityPattern =
  | { readonly kind: 'any' }
  | { readonly kind: 'identity'; readonly identity: Identity }
  /** `*` and what the string of an FQDN or e-mail address must end in: `*@example.org`, `*.example.org`. */
  | { readonly kind: 'wildcard'; readonly idType: number; readonly pattern: string }
  /** A distinguished name in DER; an attribute with the value `*` has any value: `C=CH, O=Example, CN=*`. */
  | { readonly kind: 'dn-wildcard'; readonly name: Uint8Array };

/** How well an identity matches: higher is better, and only 0 is none.
 * A distinguished name with n wildcards scores 20 - n, but not less than `MAX_WILDCARDS`.
 */
export const IdentityMatch = {
  NONE: 0,
  ANY: 1,
  MAX_WILDCARDS: 2,
  ONE_WILDCARD: 19,
  PERFECT: 20,
} as const;

/** The pattern of a text, or why it is none. */
export type IdentityPatternResult =
  | { readonly ok: true; readonly pattern: IdentityPattern }
  | IdentityError;

/** Reads a pattern: all that `parseIdentity` reads, and `%any` (also `*`, `0.0.0.0`, `::`, the empty text),
 * `*@example.org`, `*.example.org`, and distinguished names with values `*`.
 * In a name the wildcard stands at the beginning only; text given in hexadecimal has none.
 */
export function parseIdentityPattern(text: string): IdentityPatternResult {
  const reading = readIdentityText(text);
  switch (reading.kind) {
    case 'error':
      return reading;
    case 'any':
      return { ok: true, pattern: { kind: 'any' } };
    case 'exact':
      return { ok: true, pattern: { kind: 'identity', identity: reading.identity } };
    case 'name':
      return namePattern(text, reading.idType, reading.text);
    case 'distinguished-name':
      return { ok: true, pattern: distinguishedNamePattern(reading.identity) };
  }
}

function namePattern(input: string, idType: number, text: string): IdentityPatternResult {
  if (text.lastIndexOf('*') > 0) {
    return refuse('bad-wildcard', input, 'a wildcard * stands at the beginning only');
  }
  if (text.startsWith('*')) {
    return { ok: true, pattern: { kind: 'wildcard', idType, pattern: text } };
  }
  const identity = { idType, data: encodeUtf8(text) };
  return { ok: true, pattern: { kind: 'identity', identity } };
}

function distinguishedNamePattern(identity: Identity): IdentityPattern {
  return hasWildcardValue(decodeDistinguishedName(identity.data) ?? [])
    ? { kind: 'dn-wildcard', name: identity.data }
    : { kind: 'identity', identity };
}

/** How well `identity` matches `pattern`; `IdentityMatch.NONE` (0) when it does not. Never throws, whatever the identity holds.
 * @see RFC 4945 §3.1 (exact matching MUST, wildcards MAY), §3.1.5 (any combination of C, CN, O, OU)
 */
export function matchIdentity(pattern: IdentityPattern, identity: Identity): number {
  switch (pattern.kind) {
    case 'any':
      return IdentityMatch.ANY;
    case 'identity':
      return identitiesEqual(pattern.identity, identity)
        ? IdentityMatch.PERFECT
        : IdentityMatch.NONE;
    case 'wildcard':
      return matchName(pattern.idType, pattern.pattern, identity);
    case 'dn-wildcard':
      return matchDistinguishedName(pattern.name, identity);
  }
}

function matchName(idType: number, pattern: string, identity: Identity): number {
  if (identity.idType !== idType) return IdentityMatch.NONE;
  const suffix = encodeUtf8(pattern.slice(1));
  const { data } = identity;
  // The wildcard stands for at least one letter, but for a lone `*`, which takes every name of the type.
  if (data.length <= suffix.length && suffix.length > 0) return IdentityMatch.NONE;
  return equalIgnoringCase(data.subarray(data.length - suffix.length), suffix)
    ? IdentityMatch.ONE_WILDCARD
    : IdentityMatch.NONE;
}

function matchDistinguishedName(name: Uint8Array, identity: Identity): number {
  if (identity.idType !== IdType.ID_DER_ASN1_DN) return IdentityMatch.NONE;
  const wanted = decodeDistinguishedName(name);
  const given = decodeDistinguishedName(identity.data);
  if (wanted === undefined || given?.length !== wanted.length) return IdentityMatch.NONE;
  let quality: number = IdentityMatch.PERFECT;
  for (const [i, attribute] of wanted.entries()) {
    const other = given[i];
    if (other === undefined) return IdentityMatch.NONE;
    if (isWildcard(attribute)) {
      if (!bytesEqual(attribute.oid, other.oid)) return IdentityMatch.NONE;
      quality -= 1;
    } else if (!attributesEqual(attribute, other)) {
      return IdentityMatch.NONE;
    }
  }
  return Math.max(quality, IdentityMatch.MAX_WILDCARDS);
}

/** Whether any attribute has the value `*`. */
export function hasWildcardValue(attributes: readonly NameAttribute[]): boolean {
  return attributes.some(isWildcard);
}

function isWildcard({ value }: NameAttribute): boolean {
  return value.length === 1 && value[0] === 0x2a;
}
