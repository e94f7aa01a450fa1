import { DerTag, readDerValues, readWholeDer } from '@ipsec-kit/crypto';

const MAX_URLS = 8;
const MAX_URL_BYTES = 1_024;
const MAX_ENTRIES = 32;

/** id-ad-ocsp, 1.3.6.1.5.5.7.48.1 */
const OCSP: readonly number[] = [43, 6, 1, 5, 5, 7, 48, 1];
const URI = 0x86;
/** Both the distributionPoint field and the fullName in it. */
const FULL_NAME = 0xa0;

/** URLs of OCSP responders in an authorityInfoAccess extension. What is malformed names none. @see RFC 5280 §4.2.2.1 */
export function readOcspUrls(value: Uint8Array): readonly string[] {
  const entries = entriesOf(value).flatMap((contents) => {
    const [method, location] = readDerValues(contents, 2) ?? [];
    const isOcsp = method?.contents.length === OCSP.length;
    const isRight = isOcsp && OCSP.every((byte, i) => method.contents[i] === byte);
    return isRight && location ? [location] : [];
  });
  return urlsOf(entries);
}

/** URLs of complete CRLs in a cRLDistributionPoints extension: points for some reasons alone, or of another CA, are left out.
 * @see RFC 5280 §4.2.1.13
 */
export function readCrlUrls(value: Uint8Array): readonly string[] {
  const names = entriesOf(value).flatMap((contents) => {
    const [point, ...limits] = readDerValues(contents, 3) ?? [];
    if (point?.tag !== FULL_NAME || limits.length > 0) return [];
    const [name] = readDerValues(point.contents, 1) ?? [];
    return name?.tag === FULL_NAME ? (readDerValues(name.contents, MAX_ENTRIES) ?? []) : [];
  });
  return urlsOf(names);
}

function entriesOf(value: Uint8Array): readonly Uint8Array[] {
  const list = readWholeDer(value, DerTag.SEQUENCE);
  return (list && readDerValues(list.contents, MAX_ENTRIES))?.map((one) => one.contents) ?? [];
}

function urlsOf(
  names: readonly { readonly tag: number; readonly contents: Uint8Array }[],
): readonly string[] {
  return names
    .filter(({ tag, contents }) => tag === URI && contents.length <= MAX_URL_BYTES)
    .map(({ contents }) => String.fromCharCode(...contents))
    .filter((url) => /^https?:\/\/[\x21-\x7e]+$/i.test(url))
    .slice(0, MAX_URLS);
}
