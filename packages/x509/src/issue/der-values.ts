import {
  DerTag,
  encodeSignatureAlgorithm,
  type HashName,
  type SignatureAlgorithm,
  type SigningKey,
  writeDer,
} from '@ipsec-kit/crypto';

const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const FIRST_GENERALIZED_YEAR = 2050;
const DAY_MS = 86_400_000;
/** GeneralizedTime has four digits for the year. */
const LAST_MS = 253_402_300_799_000;

/** A SEQUENCE of values in DER. */
export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return writeDer(DerTag.SEQUENCE, ...parts);
}

/** An OBJECT IDENTIFIER whose contents are given in hexadecimal. */
export function objectIdentifier(digits: string): Uint8Array {
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i += 1) {
    bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  }
  return writeDer(DerTag.OBJECT_IDENTIFIER, bytes);
}

/** A whole number that is not negative, in the fewest bytes. */
export function unsignedInteger(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  if ((bytes[0] ?? 0x80) >= 0x80) bytes.unshift(0);
  return writeDer(DerTag.INTEGER, Uint8Array.from(bytes));
}

/** One extension. @param id - OBJECT IDENTIFIER in hexadecimal. @see RFC 5280 §4.1 */
export function extension(id: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  const critical = isCritical ? [writeDer(DerTag.BOOLEAN, Uint8Array.of(0xff))] : [];
  return sequence(objectIdentifier(id), ...critical, writeDer(DerTag.OCTET_STRING, value));
}

/** The authorityKeyIdentifier that names the key alone. @see RFC 5280 §4.2.1.1 */
export function authorityKeyId(keyId: Uint8Array): Uint8Array {
  return extension('551d23', false, sequence(writeDer(0x80, keyId)));
}

/** A time to the second: UTCTime through 2049, GeneralizedTime from 2050 on.
 * @param atMs - since 1970, years 1970 to 9999. @throws RangeError outside. @see RFC 5280 §4.1.2.5
 */
export function writeX509Time(atMs: number): Uint8Array {
  if (!(atMs >= 0 && atMs <= LAST_MS)) {
    throw new RangeError(`"atMs" expected a time from 1970 to 9999, got ${atMs}`);
  }
  const { year, month, day } = civilDate(Math.floor(atMs / DAY_MS));
  const second = Math.floor(atMs / 1000) % 86_400;
  const isShort = year < FIRST_GENERALIZED_YEAR;
  const digits = [
    isShort ? two(year % 100) : `${year}`,
    ...[month, day, Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60].map(two),
  ].join('');
  return writeDer(isShort ? UTC_TIME : GENERALIZED_TIME, asciiBytes(`${digits}Z`));
}

/** Letters of ASCII as bytes. @throws RangeError for other letters. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => {
    const code = letter.charCodeAt(0);
    if (code > 0x7f) throw new RangeError('"text" expected ASCII, got other letters');
    return code;
  });
}

/** Signs what is to be signed, and puts the three parts together, as certificates and CRLs have them.
 * @param body - makes the fields, given the algorithm that stands inside as well (RFC 5280 §4.1.1.2).
 */
export async function signed(
  key: SigningKey,
  body: (algorithm: Uint8Array) => Uint8Array,
): Promise<Uint8Array> {
  const algorithm = algorithmFor(key);
  const identifier = encodeSignatureAlgorithm(algorithm);
  const tbs = body(identifier);
  const signature = await key.sign(algorithm, tbs);
  return sequence(tbs, identifier, writeDer(DerTag.BIT_STRING, Uint8Array.of(0), signature));
}

const CURVE_HASHES: Readonly<Record<'P-256' | 'P-384' | 'P-521', HashName>> = {
  'P-256': 'sha256',
  'P-384': 'sha384',
  'P-521': 'sha512',
};

/** PKCS #1 v1.5 for RSA, since phones do not all know PSS in certificates. */
function algorithmFor({ info }: SigningKey): SignatureAlgorithm {
  switch (info.kind) {
    case 'rsa':
      return info.pssOnly
        ? { kind: 'rsa-pss', hash: 'sha256', saltBytes: 32 }
        : { kind: 'rsa-pkcs1', hash: 'sha256' };
    case 'ecdsa':
      return { kind: 'ecdsa', hash: CURVE_HASHES[info.curve], format: 'der' };
    default:
      return { kind: info.kind };
  }
}

/** The Gregorian date of a day, in the era of 400 years that begins on 1 March 2000 or one of its like. */
function civilDate(daysSince1970: number): { year: number; month: number; day: number } {
  const shifted = daysSince1970 + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

function two(value: number): string {
  return value.toString().padStart(2, '0');
}
