/** How the person at this end proves who it is. The server proves itself with a certificate, but for `psk`, which is for both. */
export type ProfileAuthentication =
  | { readonly kind: 'psk'; readonly secret?: string }
  | { readonly kind: 'certificate' }
  /** With a name and a password. */
  | { readonly kind: 'eap'; readonly user?: string; readonly password?: string }
  | { readonly kind: 'eap-tls' }
  /** First the certificate, then name and password. */
  | { readonly kind: 'certificate-and-eap'; readonly user?: string; readonly password?: string };

/** One VPN as a telephone is told about it. */
export interface VpnProfile {
  /** What people call it. */
  readonly name: string;
  /** Tells a new version of a profile from another profile. */
  readonly uuid?: string;
  /** DNS name or address. */
  readonly server: string;
  readonly port?: number;
  /** Absent: that of the server's address or name. */
  readonly remoteId?: string;
  readonly localId?: string;
  readonly authentication: ProfileAuthentication;
  /** PKCS #12 with the key and certificate of this end. */
  readonly pkcs12?: Uint8Array;
  /** Password of `pkcs12`, where the profile has it. */
  readonly pkcs12Password?: string;
  /** Certificates in DER that the server's is held against. */
  readonly caCertificates: readonly Uint8Array[];
  /** strongSwan's spelling: `aes256gcm16-prfsha384-x25519`. */
  readonly ikeProposals: readonly string[];
  readonly espProposals: readonly string[];
  /** What goes through the tunnel, as prefixes; empty is everything. */
  readonly remoteSubnets: readonly string[];
  readonly mobike?: boolean;
}

/** A profile that was read, with what of it has no counterpart here; or one sentence that says why it was not read. */
export type ProfileResult =
  | { readonly ok: true; readonly profile: VpnProfile; readonly notes: readonly string[] }
  | { readonly ok: false; readonly sentence: string };

/** The text of a file that was written, with what of the profile could not be said in it; or one sentence that says why not. */
export type ProfileText =
  | { readonly ok: true; readonly text: string; readonly notes: readonly string[] }
  | { readonly ok: false; readonly sentence: string };

/** Longest profile that is read, in letters: certificates and a key fit many times over. */
export const MAX_PROFILE_LETTERS = 1_048_576;
/** Longest single text inside. */
export const MAX_TEXT_LETTERS = 4_096;
const MAX_LIST = 256;

/** Refuses. */
export function refuse(sentence: string): { readonly ok: false; readonly sentence: string } {
  return { ok: false, sentence };
}

/** Fields of something that was parsed, taken by type; what is malformed is noted once, by its name. */
export class FieldReader {
  readonly #value: unknown;
  readonly #path: string;
  readonly faults: string[];

  constructor(value: unknown, path = '', faults: string[] = []) {
    this.#value = value;
    this.#path = path;
    this.faults = faults;
  }

  /** The fields of a field that is an object itself. */
  inside(key: string): FieldReader {
    return new FieldReader(this.#field(key), `${this.#path}${key}.`, this.faults);
  }

  has(key: string): boolean {
    return this.#field(key) !== undefined;
  }

  /** One line of text. */
  text(key: string): string | undefined {
    const value = this.#field(key);
    if (value === undefined || value === '') return undefined;
    const isLine = typeof value === 'string' && value.length <= MAX_TEXT_LETTERS;
    // A line break or quote would be syntax in the configuration that is written of it.
    if (isLine && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value)) return value;
    return this.#fault(key, 'one line of text');
  }

  number(key: string, min: number, max: number): number | undefined {
    const value = this.#field(key);
    if (value === undefined) return undefined;
    const isNumber = typeof value === 'number' && Number.isInteger(value);
    return isNumber && value >= min && value <= max
      ? value
      : this.#fault(key, `a whole number from ${min} to ${max}`);
  }

  /** Apple writes 0 and 1 as well. */
  boolean(key: string): boolean | undefined {
    const value = this.#field(key);
    if (value === undefined) return undefined;
    if (value === true || value === 1) return true;
    return value === false || value === 0 ? false : this.#fault(key, 'true or false');
  }

  /** A list of texts, or texts in one text separated by spaces or commas. */
  texts(key: string): readonly string[] {
    const value = this.#field(key);
    if (value === undefined) return [];
    const list: readonly unknown[] = Array.isArray(value)
      ? value
      : typeof value === 'string'
        ? value.split(/[\s,]+/)
        : [undefined];
    const texts = list.filter((one) => typeof one === 'string' && one.length <= 128);
    if (texts.length !== list.length || list.length > MAX_LIST) {
      this.#fault(key, `a list of at most ${MAX_LIST} texts`);
      return [];
    }
    return texts.map(String).filter((one) => one !== '');
  }

  /** Objects of a list. */
  objects(key: string): readonly FieldReader[] {
    const value = this.#field(key);
    if (!Array.isArray(value) || value.length > MAX_LIST) return [];
    return value.map((one, i) => new FieldReader(one, `${this.#path}${key}[${i}].`, this.faults));
  }

  bytes(key: string): Uint8Array | undefined {
    const value = this.#field(key);
    if (value === undefined) return undefined;
    if (value instanceof Uint8Array && value.length > 0) return value;
    const decoded = typeof value === 'string' ? decodeBase64(value) : undefined;
    return decoded ?? this.#fault(key, 'Base64');
  }

  #field(key: string): unknown {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    const field: unknown = Object.entries(value).find(([name]) => name === key)?.[1];
    return field === null ? undefined : field;
  }

  #fault(key: string, expected: string): undefined {
    this.faults.push(`${this.#path}${key} is not ${expected}`);
    return undefined;
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The bytes of a Base64 text with white space, or `undefined`. @see RFC 4648 §4 */
export function decodeBase64(text: string): Uint8Array | undefined {
  const letters = text.replace(/\s+/g, '').replace(/=+$/, '');
  if (letters.length === 0 || letters.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(letters)) {
    return undefined;
  }
  const bytes = new Uint8Array(Math.floor((letters.length * 3) / 4));
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (const letter of letters) {
    buffer = ((buffer << 6) | ALPHABET.indexOf(letter)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (buffer >> bits) & 0xff;
    at += 1;
  }
  return bytes;
}

/** Bytes as Base64 on one line. @see RFC 4648 §4 */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second, third] = bytes.subarray(at, at + 3);
    const bits = (first << 16) | ((second ?? 0) << 8) | (third ?? 0);
    const letter = (shift: number): string => ALPHABET.charAt((bits >> shift) & 63);
    text += letter(18) + letter(12);
    text += second === undefined ? '=' : letter(6);
    text += third === undefined ? '=' : letter(0);
  }
  return text;
}
