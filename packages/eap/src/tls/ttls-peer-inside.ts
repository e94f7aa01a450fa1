import { constantTimeEqual, type KeyMaterial } from '@ipsec-kit/crypto';
import type { EapMethodContext } from '../eap-method.ts';
import { authenticatorResponse, ntPasswordHash, ntResponse } from '../mschapv2/ms-chap-v2.ts';
import { shownResponse } from '../mschapv2/mschapv2-peer.ts';
import { decodeAvps, encodeAvps } from './diameter-avp.ts';
import type { TlsPeerInside, TlsPeerStep } from './tls-peer.ts';
import type { TlsSession } from './tls-work.ts';
import { avpValue, mandatory, padPassword, TtlsAvp } from './ttls-avp.ts';

/** What a peer does inside of a TTLS tunnel: it shows its password, by MS-CHAP-V2 or as it is. @see RFC 5281 §11.2.4, §11.2.5 */
export function createTtlsPeerInside(
  context: EapMethodContext,
  inner: 'mschapv2' | 'pap',
  user: Uint8Array,
): TlsPeerInside {
  let tunnel: TlsSession | undefined;
  let expected: Uint8Array | undefined;
  let isShown = false;

  const showPassword = (password: KeyMaterial): TlsPeerStep => {
    const value = padPassword(password.reveal());
    const avps = [mandatory(TtlsAvp.USER_NAME, user), mandatory(TtlsAvp.USER_PASSWORD, value)];
    isShown = true;
    return { kind: 'write', data: encodeAvps(avps) };
  };

  const showResponse = (password: KeyMaterial, challenge: Uint8Array): TlsPeerStep => {
    const passwordHash = ntPasswordHash(password);
    if (passwordHash === undefined) return { kind: 'fail', reason: 'wrong-credentials' };
    const peerChallenge = new Uint8Array(16);
    context.random.fill(peerChallenge);
    const authenticatorChallenge = challenge.subarray(0, 16);
    const run = { authenticatorChallenge, peerChallenge, userName: user };
    const response = ntResponse(context.crypto, run, passwordHash);
    expected = authenticatorResponse(context.crypto, run, passwordHash, response);
    passwordHash.erase();
    // Ident, Flags, Peer-Challenge, Reserved, Response (RFC 2548 §2.3.2).
    const value = new Uint8Array(50);
    value[0] = challenge[16] ?? 0;
    value.set(peerChallenge, 2);
    value.set(response, 26);
    const avps = [
      mandatory(TtlsAvp.USER_NAME, user),
      mandatory(TtlsAvp.MS_CHAP_CHALLENGE, authenticatorChallenge),
      mandatory(TtlsAvp.MS_CHAP2_RESPONSE, value),
    ];
    return { kind: 'write', data: encodeAvps(avps) };
  };

  const onVerdict = (data: Uint8Array): TlsPeerStep => {
    const avps = decodeAvps(data) ?? [];
    if (avpValue(avps, TtlsAvp.MS_CHAP_ERROR)) return { kind: 'fail', reason: 'wrong-credentials' };
    const success = avpValue(avps, TtlsAvp.MS_CHAP2_SUCCESS);
    // One byte of Ident in front.
    const shown = success && shownResponse(success.subarray(1));
    return expected && shown && constantTimeEqual(shown, expected)
      ? { kind: 'done' }
      : { kind: 'fail', reason: 'server-not-authenticated' };
  };

  return {
    received(session, data) {
      if (tunnel !== undefined) return onVerdict(data);
      tunnel = session;
      return { kind: 'work', work: { kind: 'password', user } };
    },
    answer(answer) {
      if (answer.kind !== 'password') return { kind: 'fail', reason: 'work-failed' };
      if (!answer.password) return { kind: 'fail', reason: 'wrong-credentials' };
      if (inner === 'pap') return showPassword(answer.password);
      const challenge = tunnel?.challenge;
      return challenge
        ? showResponse(answer.password, challenge.reveal())
        : { kind: 'fail', reason: 'work-failed' };
    },
    // RFC 5281 §11.2.5: a server that takes the password says nothing through the tunnel.
    get isThrough() {
      return isShown;
    },
  };
}
