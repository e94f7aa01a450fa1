import type { CryptoProvider } from '@ipsec-kit/crypto';
import type { Certificate } from './certificate.ts';
import { isNamedIssuer } from './named-issuer.ts';

const HASH_BYTES = 20;
/** Most CAs that are looked at in one request. */
const MAX_AUTHORITIES = 512;

/** The Certification Authority field of a CERTREQ payload for X.509 certificates: the SHA-1 of each CA's SubjectPublicKeyInfo.
 * @see RFC 7296 §3.7
 */
export function encodeAuthorities(
  anchors: readonly Certificate[],
  crypto: Pick<CryptoProvider, 'sha1'>,
): Uint8Array {
  const hashes = anchors.map(({ publicKey }) => crypto.sha1(publicKey));
  return Uint8Array.from(hashes.flatMap((hash) => [...hash]));
}

/** The first of one's own chains (own certificate first) that a CERTREQ asks for: one of its certificates, or the CA that issued
 * its last one, has a key that is listed. A request that lists none asks for anything (RFC 4945 §3.2.7.2).
 * @param authorities - the Certification Authority field, from the peer; bytes that do not make a hash are ignored.
 * @param anchors - CAs of one's own, to know the issuer of a chain without its root.
 * @returns `undefined` when none fits; a request is a wish (RFC 7296 §3.7), so that one may send another chain all the same.
 */
export function chooseChain<T extends { readonly chain: readonly Certificate[] }>(
  chains: readonly T[],
  authorities: Uint8Array,
  anchors: readonly Certificate[],
  crypto: Pick<CryptoProvider, 'sha1'>,
): T | undefined {
  const wanted = new Set<string>();
  for (let at = 0; at + HASH_BYTES <= authorities.length; at += HASH_BYTES) {
    if (wanted.size < MAX_AUTHORITIES)
      wanted.add(textOf(authorities.subarray(at, at + HASH_BYTES)));
  }
  if (wanted.size === 0) return chains[0];
  const isWanted = ({ publicKey }: Certificate) => wanted.has(textOf(crypto.sha1(publicKey)));
  return chains.find(({ chain }) => {
    const top = chain.at(-1);
    const issuers = anchors.filter((anchor) => top && isNamedIssuer(anchor, top));
    return [...chain.slice(1), ...issuers].some(isWanted);
  });
}

function textOf(bytes: Uint8Array): string {
  return bytes.join(' ');
}
