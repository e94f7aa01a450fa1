import { formatIdentity, type Identity, parseIdentity } from '@ipsec-kit/auth';
import { IdType } from '@ipsec-kit/ikev2-codec';
import { VpnError } from '@ipsec-kit/vpn';

const ALT_NAME_TYPES: readonly number[] = [
  IdType.ID_FQDN,
  IdType.ID_RFC822_ADDR,
  IdType.ID_IPV4_ADDR,
  IdType.ID_IPV6_ADDR,
];
/** Upper bound of a common name. @see RFC 5280 appendix A.1 (ub-common-name) */
const MAX_COMMON_NAME = 64;

/** A name as it goes into the subjectAltName: what the peer says with its IKE identity has to stand there. @see RFC 4945 §3.1
 * @throws VpnError for what is no DNS name, e-mail address or IP address.
 */
export function altNameOf(text: string): Identity {
  const parsed = parseIdentity(text);
  if (!parsed.ok) throw new VpnError('config', parsed.sentence);
  const { identity } = parsed;
  // dNSName and rfc822Name are IA5Strings.
  const isName = identity.idType === IdType.ID_FQDN || identity.idType === IdType.ID_RFC822_ADDR;
  const isPlain = !isName || identity.data.every((byte) => byte > 0x20 && byte < 0x7f);
  if (ALT_NAME_TYPES.includes(identity.idType) && isPlain) return identity;
  throw new VpnError(
    'config',
    `${JSON.stringify(text)} cannot be the name of a peer: give a DNS name (vpn.example.org), an e-mail address (alice@example.org) or an IP address, in ASCII.`,
  );
}

/** The subject `CN=text` in DER. @throws VpnError for a name that is empty, too long, or not one line. */
export function commonName(text: string): Uint8Array {
  const isLine = text.trim() !== '' && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text);
  // A distinguished name is separated by commas or by slashes, and has no escapes.
  const line = text.includes(',') ? `/CN=${text}` : `CN=${text}`;
  const isUnambiguous = !(text.includes(',') && text.includes('/'));
  const parsed = isLine && isUnambiguous ? parseIdentity(`asn1dn:${line}`) : undefined;
  if (parsed?.ok && [...text].length <= MAX_COMMON_NAME) return parsed.identity.data;
  throw new VpnError(
    'config',
    `${JSON.stringify(text.slice(0, 80))} cannot be the name in a certificate: at most ${MAX_COMMON_NAME} letters on one line, not "*", and not both a comma and a slash.`,
  );
}

/** The part of file names that stands for a peer: letters that a path or a shell could misread are written as `%` and their number. */
export function fileStem(name: string): string {
  const encoded = name.replace(/[^A-Za-z0-9._@+-]/gu, (letter) =>
    Buffer.from(letter).reduce((text, byte) => `${text}%${byte.toString(16).padStart(2, '0')}`, ''),
  );
  return encoded.replace(/^[.-]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
}

/** Names as people read them. */
export function namesText(names: readonly Identity[]): string {
  return names.map(formatIdentity).join(', ');
}
