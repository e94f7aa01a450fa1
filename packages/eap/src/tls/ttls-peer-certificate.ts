import { decodeEapPacket, EapCode, encodeEapPacket } from '../eap-packet.ts';
import { EapType } from '../eap-type.ts';
import type { TlsPeerInside, TlsPeerStep } from './tls-peer.ts';
import { unwrapEap, wrapEap } from './ttls-avp.ts';

/** Inside of a TTLS tunnel a peer that has shown its certificate: it says its name as often as it is asked, and nothing else. Over TLS
 * 1.2 alone: with TLS 1.3 a certificate is never enough.
 * @see RFC 5281 §7.6, RFC 9427 §2.4.1
 */
export function createTtlsPeerCertificate(user: Uint8Array): TlsPeerInside {
  let isShown = false;

  const showName = (identifier: number): TlsPeerStep => {
    isShown = true;
    const packet = { code: EapCode.RESPONSE, identifier, type: EapType.IDENTITY, data: user };
    return { kind: 'write', data: wrapEap(encodeEapPacket(packet)) };
  };

  return {
    received({ version }, data) {
      if (version !== 'TLSv1.2') return NO_METHOD;
      if (!isShown) return showName(0);
      const request = decodeEapPacket(unwrapEap(data) ?? new Uint8Array(0));
      const asksName = request?.code === EapCode.REQUEST && request.type === EapType.IDENTITY;
      return asksName ? showName(request.identifier) : NO_METHOD;
    },
    answer: () => ({ kind: 'fail', reason: 'work-failed' }),
    get isThrough() {
      return isShown;
    },
  };
}

const NO_METHOD: TlsPeerStep = { kind: 'fail', reason: 'no-method' };
