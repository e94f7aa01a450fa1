import type { EapMethod } from '../eap-method.ts';
import { EapType } from '../eap-type.ts';
import { gtcMethod } from '../methods/gtc.ts';
import { md5ChallengeMethod } from '../methods/md5-challenge.ts';
import { msChapV2Method } from '../mschapv2/mschapv2-authenticator.ts';
import { createTlsAuthenticator } from './tls-authenticator.ts';
import { DEFAULT_TLS_FRAGMENT_BYTES } from './tls-framing.ts';
import { createTlsPeer, type TlsPeerInside } from './tls-peer.ts';
import { createTtlsAuthenticatorInside } from './ttls-authenticator-inside.ts';
import { createTtlsPeerCertificate } from './ttls-peer-certificate.ts';
import { createTtlsPeerEap } from './ttls-peer-eap.ts';
import { createTtlsPeerInside } from './ttls-peer-inside.ts';

/** Settings of EAP-TTLS. */
export interface EapTtlsOptions {
  /** How the peer shows its password inside: by an EAP method, as strongSwan has it, or by an attribute. An authenticator takes all
   * of these. Or `certificate`: it shows none, for an authenticator that is content with its certificate, as strongSwan is with
   * `request_peer_auth`; over TLS 1.2. Default `mschapv2`.
   */
  readonly inner?: 'eap' | 'mschapv2' | 'pap' | 'certificate';
  /** Of EAP inside, best first; default MSCHAPv2, MD5-Challenge, GTC. */
  readonly innerMethods?: readonly EapMethod[];
  /** The user's name inside, in UTF-8, so that the outer identity can be an anonymous one; the outer one when absent. */
  readonly user?: Uint8Array;
  /** Of TLS in one packet. */
  readonly fragmentBytes?: number;
}

/** EAP-TTLS with TLS 1.2 or 1.3: the server shows a certificate, and the peer, inside the tunnel, a password; where the server wants
 * one, a certificate as well, which is for the same user. TLS itself is asked of the driver as `tls` work, the password as that of
 * the methods without TLS. To the authenticator a certificate alone is never enough: that is what EAP-TLS is for (RFC 9427 §2.4.1).
 * @throws RangeError when `fragmentBytes` is not 64 to 16384.
 * @see RFC 5281 §7, §11.2.1, §11.2.4, §11.2.5, RFC 9427 §2
 */
export function createEapTtlsMethod(options: EapTtlsOptions = {}): EapMethod {
  const { inner = 'mschapv2', user, fragmentBytes = DEFAULT_TLS_FRAGMENT_BYTES } = options;
  const methods = options.innerMethods ?? INNER_METHODS;
  return {
    type: EapType.TTLS,
    name: 'EAP-TTLS',
    isMutual: true,
    createPeer: (context) => {
      const name = user ?? context.identity;
      const inside = (): TlsPeerInside => {
        if (inner === 'eap') return createTtlsPeerEap(context, methods, name);
        if (inner === 'certificate') return createTtlsPeerCertificate(name);
        return createTtlsPeerInside(context, inner, name);
      };
      return createTlsPeer(EapType.TTLS, fragmentBytes, inside());
    },
    createAuthenticator: (context) =>
      createTlsAuthenticator(
        EapType.TTLS,
        fragmentBytes,
        createTtlsAuthenticatorInside(context, methods),
      ),
  };
}

const INNER_METHODS: readonly EapMethod[] = [msChapV2Method, md5ChallengeMethod, gtcMethod];
