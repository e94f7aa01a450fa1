import type { KeyMaterial } from '@ipsec-kit/crypto';
import { EapType } from '../eap-type.ts';

/** What a method that has TLS inside asks of the engine of its conversation. The first request begins the handshake.
 * @see RFC 5216 §2.1, RFC 5281 §7
 */
export interface TlsRequest {
  /** The peer is the client. */
  readonly role: 'client' | 'server';
  /** `EapType.TLS` or `EapType.TTLS`. */
  readonly method: number;
  /** From the other end: whole TLS records, or nothing. */
  readonly records: Uint8Array;
  /** To be sent through the open tunnel, or nothing. */
  readonly data: Uint8Array;
}

/** What an open tunnel has come to. */
export interface TlsSession {
  readonly version: 'TLSv1.2' | 'TLSv1.3';
  /** 64 bytes, from {@link tlsExport}. */
  readonly msk: KeyMaterial;
  /** 17 bytes, with TTLS. */
  readonly challenge?: KeyMaterial;
  /** Whom the certificate of the client names; a server without one of the client has none. */
  readonly user?: Uint8Array;
}

/** What TLS has to say to a request. */
export interface TlsReply {
  /** For the other end. */
  readonly records: Uint8Array;
  /** What came through the tunnel. */
  readonly data: Uint8Array;
  /** Absent until the tunnel is open; the other end's certificate has been checked by then. */
  readonly session?: TlsSession;
  /** The handshake or the tunnel has failed; `records` may hold the alert. */
  readonly hasFailed: boolean;
  /** The other end has said so, with an alert. */
  readonly isAlerted?: boolean;
}

/** TLS for one conversation, wherever it comes from: `createNodeTlsEngine` of `@ipsec-kit/eap/node`, or another's. */
export interface TlsEngine {
  /** One request at a time. Never rejects. */
  perform(request: TlsRequest): Promise<TlsReply>;
  /** Frees what it holds; harmless when repeated. */
  close(): void;
}

/** A call of the exporter of TLS. Without a context it is not the same as with an empty one (RFC 5705 §4). */
export interface TlsExport {
  readonly label: string;
  readonly context?: Uint8Array;
  readonly bytes: number;
}

/** How the MSK (the first 64 bytes of 128) and the challenge of TTLS come out of TLS.
 * @see RFC 5216 §2.3, RFC 9190 §2.3, RFC 5281 §8, §11.1, RFC 9427 §2.1, §2.4
 */
export function tlsExport(
  what: 'msk' | 'challenge',
  method: number,
  version: TlsSession['version'],
): TlsExport {
  // The same with TLS 1.3, which has no context for it either.
  if (what === 'challenge') return { label: 'ttls challenge', bytes: 17 };
  if (version === 'TLSv1.3') {
    const context = Uint8Array.of(method);
    return { label: 'EXPORTER_EAP_TLS_Key_Material', context, bytes: 128 };
  }
  const label = method === EapType.TTLS ? 'ttls keying material' : 'client EAP encryption';
  return { label, bytes: 128 };
}
