import { decodeSignatureHashes, encodeSignatureHashes } from '@ipsec-kit/auth';
import { CertEncoding, findNotify, NotifyType, notify, type Payload } from '@ipsec-kit/ikev2-codec';
import type { CertificateData, ConnectionConfig } from '../config.ts';

/** How a peer wants us to prove who we are. */
export interface PeerWishes {
  /** The hashes that it takes; `undefined`: it does not know RFC 7427. */
  readonly signatureHashes: readonly number[] | undefined;
  /** Whose certificates it asks for. */
  readonly certificateRequests: readonly CertificateData[];
  /** Whether it has announced post-quantum pre-shared keys, in IKE_SA_INIT. @see RFC 8784 §3 */
  readonly usesPpk: boolean;
}

/** What is known of a peer that has said nothing. */
export const NO_WISHES: PeerWishes = {
  signatureHashes: undefined,
  certificateRequests: [],
  usesPpk: false,
};

const MAX_REQUESTS = 16;
/** SHA-1 of a CA's SubjectPublicKeyInfo. @see RFC 7296 §3.7 */
const AUTHORITY_BYTES = 20;
/** IKE_SA_INIT cannot be fragmented: that many fit beside everything else. */
const MAX_AUTHORITIES = 24;

/** What a peer says in IKE_SA_INIT, or as initiator with its CERTREQ payloads in IKE_AUTH. @see RFC 7427 §4, RFC 7296 §3.7 */
export function readPeerWishes(payloads: readonly Payload[]): PeerWishes {
  const hashes = findNotify(payloads, NotifyType.SIGNATURE_HASH_ALGORITHMS);
  return {
    signatureHashes: hashes && decodeSignatureHashes(hashes.data),
    usesPpk: findNotify(payloads, NotifyType.USE_PPK) !== undefined,
    certificateRequests: payloads
      .flatMap((payload) => (payload.type === 'CERTREQ' ? [payload] : []))
      .slice(0, MAX_REQUESTS)
      .map(({ encoding, data }) => ({ encoding, data: data.slice() })),
  };
}

/** The hashes that signatures of peers may have; nothing where no connection takes part in RFC 7427. */
export function hashNotifies(connections: readonly ConnectionConfig[]): readonly Payload[] {
  const hashes = new Set(connections.flatMap(({ signatureHashes = [] }) => signatureHashes));
  if (hashes.size === 0) return [];
  return [notify(NotifyType.SIGNATURE_HASH_ALGORITHMS, encodeSignatureHashes([...hashes]))];
}

/** CERTREQ payloads of all connections that a peer may turn out to belong to, each authority once. Where they are too many, any
 * certificate is asked for. @see RFC 7296 §3.7, RFC 4945 §3.2.7.2
 */
export function certificateRequests(connections: readonly ConnectionConfig[]): readonly Payload[] {
  const byEncoding = new Map<number, Map<string, Uint8Array>>();
  for (const { remoteAuthentication } of connections) {
    if (remoteAuthentication?.kind !== 'signature') continue;
    for (const { encoding, data } of remoteAuthentication.certificateRequests) {
      const known = byEncoding.get(encoding) ?? new Map<string, Uint8Array>();
      byEncoding.set(encoding, known);
      for (const part of partsOf(encoding, data)) known.set(part.join('.'), part);
    }
  }
  return [...byEncoding].map(([encoding, parts]): Payload => {
    const chosen = parts.size > MAX_AUTHORITIES ? [] : [...parts.values()];
    return {
      type: 'CERTREQ',
      encoding,
      data: Uint8Array.from(chosen.flatMap((part) => [...part])),
    };
  });
}

function partsOf(encoding: number, data: Uint8Array): readonly Uint8Array[] {
  if (encoding !== CertEncoding.X509_CERTIFICATE_SIGNATURE) return [data];
  const parts: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += AUTHORITY_BYTES) {
    parts.push(data.subarray(at, at + AUTHORITY_BYTES));
  }
  return parts;
}
