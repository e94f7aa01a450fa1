import type { EapMethod } from '../eap-method.ts';
import { EapType } from '../eap-type.ts';
import { createTlsAuthenticator } from './tls-authenticator.ts';
import { DEFAULT_TLS_FRAGMENT_BYTES } from './tls-framing.ts';
import { createTlsPeer } from './tls-peer.ts';

/** Protected success indication of TLS 1.3. @see RFC 9190 §2.1.1 */
const INDICATION = 0x00;

/** EAP-TLS with TLS 1.2 or 1.3: both ends show certificates. TLS itself is asked of the driver as `tls` work, for a `TlsEngine`.
 * @param fragmentBytes - of TLS in one packet. @throws RangeError when it is not 64 to 16384.
 * @see RFC 5216, RFC 9190
 */
export function createEapTlsMethod(fragmentBytes: number = DEFAULT_TLS_FRAGMENT_BYTES): EapMethod {
  return {
    type: EapType.TLS,
    name: 'EAP-TLS',
    isMutual: true,
    createPeer: () =>
      createTlsPeer(EapType.TLS, fragmentBytes, {
        received({ version }, data) {
          if (version === 'TLSv1.2') {
            // RFC 5216 §2.1.1: the server's Finished is the end; nothing is sent through the tunnel.
            return data.length === 0
              ? { kind: 'done' }
              : { kind: 'fail', reason: 'protocol-error' };
          }
          if (data.length === 0) return { kind: 'wait' };
          // RFC 9190 §2.1.1: the server has taken the certificate of the peer only when this has come.
          return data.length === 1 && data[0] === INDICATION
            ? { kind: 'done' }
            : { kind: 'fail', reason: 'protocol-error' };
        },
        answer: () => ({ kind: 'fail', reason: 'work-failed' }),
        isThrough: false,
      }),
    createAuthenticator: ({ identity }) => {
      let isIndicated = false;
      return createTlsAuthenticator(EapType.TLS, fragmentBytes, {
        received({ version, user = identity }, data) {
          if (data.length > 0) return { kind: 'fail', reason: 'protocol-error' };
          if (version === 'TLSv1.2' || isIndicated) return { kind: 'done', user };
          isIndicated = true;
          return { kind: 'write', data: Uint8Array.of(INDICATION) };
        },
        answer: () => ({ kind: 'fail', reason: 'work-failed' }),
      });
    },
  };
}
