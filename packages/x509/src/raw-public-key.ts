import {
  bytesEqual,
  type CryptoProvider,
  DerTag,
  type PublicKeyInfo,
  readDerValues,
  readPublicKey,
  readWholeDer,
} from '@ipsec-kit/crypto';
import type { PathPolicy } from './path-search.ts';

/** A public key without a certificate, as a CERT payload of encoding 15 holds it. */
export interface RawPublicKeyCheck {
  /** SubjectPublicKeyInfo in DER, from the peer. */
  readonly offered: Uint8Array;
  /** The keys that are trusted for this peer, in the same form: there is no CA that would vouch for others. */
  readonly trusted: readonly Uint8Array[];
  readonly policy: PathPolicy;
}

/** The verdict on a raw public key. A refusal is AUTHENTICATION_FAILED to the peer. */
export type RawPublicKeyVerdict =
  | {
      readonly ok: true;
      readonly publicKey: Uint8Array;
      readonly info: PublicKeyInfo;
      /** SHA-1 of the key and of the whole, which may stand in an ID_KEY_ID. */
      readonly keyIds: readonly Uint8Array[];
    }
  | {
      readonly ok: false;
      readonly code: 'malformed' | 'unsupported' | 'unknown-key' | 'weak';
      readonly sentence: string;
    };

/** Whether a raw public key is one that is trusted for the peer. Which identity goes with it, the configuration says.
 * Never throws on what the peer sent; keys are public, and compared as such. @see RFC 7670 §3, §5
 */
export function checkRawPublicKey(
  { offered, trusted, policy }: RawPublicKeyCheck,
  crypto: Pick<CryptoProvider, 'sha1'>,
): RawPublicKeyVerdict {
  const read = readPublicKey(offered);
  if (!read.ok) return refuse(read.code === 'malformed' ? 'malformed' : 'unsupported');
  const known = trusted.find((key) => bytesEqual(key, offered));
  if (known === undefined) return refuse('unknown-key');
  const { key } = read;
  if (key.kind === 'rsa' && key.bits < policy.minimumRsaBits) return refuse('weak');
  return { ok: true, publicKey: known, info: key, keyIds: keyIdsOf(known, crypto) };
}

/** What an ID_KEY_ID may hold for a public key: the SHA-1 of the key, and that of its whole SubjectPublicKeyInfo.
 * @param publicKey - SubjectPublicKeyInfo in DER.
 */
export function keyIdsOf(
  publicKey: Uint8Array,
  crypto: Pick<CryptoProvider, 'sha1'>,
): readonly Uint8Array[] {
  const outer = readWholeDer(publicKey, DerTag.SEQUENCE);
  const bits = outer && readDerValues(outer.contents, 2)?.[1];
  return [bits?.contents.subarray(1) ?? publicKey, publicKey].map((bytes) => crypto.sha1(bytes));
}

const SENTENCES = {
  malformed: 'The raw public key of the peer is malformed.',
  unsupported: 'The raw public key of the peer is of an unknown kind.',
  'unknown-key': 'The raw public key of the peer is not among those that are trusted for it.',
  weak: 'The raw public key of the peer is too weak (RSA below the limit).',
} as const;

function refuse(code: keyof typeof SENTENCES): RawPublicKeyVerdict {
  return { ok: false, code, sentence: SENTENCES[code] };
}
