import { DerTag, readDerValues, readWholeDer } from '@ipsec-kit/crypto';
import { beginsWith, readDirectoryName } from './directory-name.ts';

/** A GeneralName: its tag in DER and its contents. @see RFC 5280 §4.2.1.6 */
export interface GeneralName {
  readonly tag: number;
  readonly contents: Uint8Array;
}

/** Below which names those of all certificates under a CA have to be, and below which they may not. @see RFC 5280 §4.2.1.10 */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** Tags of the forms of GeneralName that are compared. */
export const NameForm = { EMAIL: 0x81, DNS: 0x82, DIRECTORY: 0xa4, IP: 0x87 } as const;

const PERMITTED = 0xa0;
const EXCLUDED = 0xa1;
const MAX_SUBTREES = 256;

/** Reads the extension; `undefined` when it is malformed, or has minimum or maximum, which MUST NOT be used (§4.2.1.10). */
export function readNameConstraints(value: Uint8Array): NameConstraints | undefined {
  const sequence = readWholeDer(value, DerTag.SEQUENCE);
  const fields = sequence && readDerValues(sequence.contents, 2);
  if (fields === undefined || fields.length === 0) return undefined;
  let permitted: readonly GeneralName[] = [];
  let excluded: readonly GeneralName[] = [];
  for (const { tag, contents } of fields) {
    const subtrees = readSubtrees(contents);
    if (subtrees === undefined) return undefined;
    if (tag === PERMITTED) permitted = subtrees;
    else if (tag === EXCLUDED) excluded = subtrees;
    else return undefined;
  }
  return { permitted, excluded };
}

function readSubtrees(contents: Uint8Array): readonly GeneralName[] | undefined {
  const subtrees = readDerValues(contents, MAX_SUBTREES);
  const bases = subtrees?.map(({ tag, contents: inner }) => {
    const [base, ...limits] = (tag === DerTag.SEQUENCE && readDerValues(inner, 3)) || [];
    return limits.length === 0 ? base : undefined;
  });
  const found = bases?.filter((base) => base !== undefined);
  return found?.length === bases?.length ? found : undefined;
}

/** Whether a CA's constraints allow every name of a certificate below it. Each name has to be inside one of the permitted
 * subtrees of its form, when there are any, and outside of all excluded ones. A form that is constrained, but not compared here,
 * is not allowed at all, nor is a name that cannot be read (§4.2.1.10: process it or refuse).
 * @param subject - a Name in DER.
 */
export function allowsNames(
  { permitted, excluded }: NameConstraints,
  subject: Uint8Array,
  altNames: readonly GeneralName[],
): boolean {
  return [...namesIn(subject, altNames), ...altNames].every((one) => {
    const sameForm = ({ tag }: GeneralName): boolean => tag === one.tag;
    const inside = permitted.filter(sameForm);
    const outside = excluded.filter(sameForm);
    if (inside.length + outside.length === 0) return true;
    if (!FORMS.includes(one.tag)) return false;
    const isKnown = inside.length === 0 || inside.some((base) => isWithin(one, base) === true);
    return isKnown && outside.every((base) => isWithin(one, base) === false);
  });
}

/** The subject itself; without alternative names also the e-mail addresses in it (§4.2.1.10). */
function namesIn(subject: Uint8Array, altNames: readonly GeneralName[]): readonly GeneralName[] {
  const name = readDirectoryName(subject);
  if (name?.parts.length === 0) return [];
  const emails = altNames.length === 0 ? (name?.emails ?? []) : [];
  return [
    { tag: NameForm.DIRECTORY, contents: subject },
    ...emails.map((contents) => ({ tag: NameForm.EMAIL, contents })),
  ];
}

const FORMS: readonly number[] = Object.values(NameForm);

/** `undefined` where that cannot be known. */
function isWithin({ tag, contents }: GeneralName, base: GeneralName): boolean | undefined {
  switch (tag) {
    case NameForm.DNS:
      return isDnsWithin(lowerCase(contents), lowerCase(base.contents));
    case NameForm.EMAIL:
      return isEmailWithin(lowerCase(contents), lowerCase(base.contents));
    case NameForm.IP:
      return isAddressWithin(contents, base.contents);
    default:
      return isNameWithin(contents, base.contents);
  }
}

/** `example.org` is the name and all below it, `.example.org` all below it. */
function isDnsWithin(name: string, base: string): boolean {
  if (base === '') return true;
  return base.startsWith('.') ? name.endsWith(base) : name === base || name.endsWith(`.${base}`);
}

/** A mailbox, all mailboxes of a host, or, with a dot in front, of all hosts below a domain. */
function isEmailWithin(name: string, base: string): boolean {
  if (base.includes('@')) return name === base;
  const host = name.slice(name.lastIndexOf('@') + 1);
  return base.startsWith('.') ? host.endsWith(base) : host === base;
}

/** An address, and a network with its mask. */
function isAddressWithin(address: Uint8Array, base: Uint8Array): boolean {
  const bytes = address.length;
  if (base.length !== 2 * bytes) return false;
  return address.every((byte, i) => (((base[i] ?? 0) ^ byte) & (base[bytes + i] ?? 0)) === 0);
}

function isNameWithin(contents: Uint8Array, baseContents: Uint8Array): boolean | undefined {
  const [name, base] = [readDirectoryName(contents), readDirectoryName(baseContents)];
  return name && base && beginsWith(name, base);
}

function lowerCase(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text.toLowerCase();
}
