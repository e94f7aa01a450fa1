import { constantTimeEqual, KeyMaterial } from '@ipsec-kit/crypto';
import type { EapMethod, EapMethodContext } from '../eap-method.ts';
import {
  authenticatorResponse,
  type MsChapRun,
  ntPasswordHash,
  ntResponse,
} from '../mschapv2/ms-chap-v2.ts';
import { decodeAvps, encodeAvps } from './diameter-avp.ts';
import type { TlsAuthenticatorInside, TlsAuthenticatorStep } from './tls-authenticator.ts';
import type { TlsSession } from './tls-work.ts';
import { beginTtlsAuthenticatorEap } from './ttls-authenticator-eap.ts';
import { avpValue, mandatory, TtlsAvp, unpadPassword } from './ttls-avp.ts';

const MAX_USER_BYTES = 512;
const MAX_PASSWORD_BYTES = 1_024;

type State =
  | { readonly kind: 'credentials-awaited' }
  | { readonly kind: 'password-checked'; readonly user: Uint8Array }
  | {
      readonly kind: 'password-asked';
      readonly run: MsChapRun;
      readonly ident: number;
      readonly response: Uint8Array;
    }
  | { readonly kind: 'success-sent'; readonly user: Uint8Array }
  | { readonly kind: 'eap'; readonly inside: TlsAuthenticatorInside };

/** What an authenticator does inside of a TTLS tunnel: it takes EAP, MS-CHAP-V2 and PAP, whatever the peer begins with.
 * @param methods - of EAP inside, best first.
 * @see RFC 5281 §11.2.1, §11.2.4, §11.2.5
 */
export function createTtlsAuthenticatorInside(
  context: EapMethodContext,
  methods: readonly EapMethod[],
): TlsAuthenticatorInside {
  let state: State = { kind: 'credentials-awaited' };

  const onCredentials = (session: TlsSession, data: Uint8Array): TlsAuthenticatorStep => {
    const avps = decodeAvps(data) ?? [];
    const eap = avpValue(avps, TtlsAvp.EAP_MESSAGE);
    if (eap !== undefined) {
      const { inside, step } = beginTtlsAuthenticatorEap(context, methods, eap);
      state = { kind: 'eap', inside };
      return step;
    }
    const user = avpValue(avps, TtlsAvp.USER_NAME);
    if (user === undefined || user.length > MAX_USER_BYTES) return PROTOCOL_ERROR;
    const userName = Uint8Array.from(user);
    const padded = avpValue(avps, TtlsAvp.USER_PASSWORD);
    if (padded !== undefined) {
      if (padded.length > MAX_PASSWORD_BYTES) return PROTOCOL_ERROR;
      state = { kind: 'password-checked', user: userName };
      const password = new KeyMaterial(unpadPassword(padded));
      return { kind: 'work', work: { kind: 'check-password', user: userName, password } };
    }
    const challenge = session.challenge?.reveal();
    const shown = avpValue(avps, TtlsAvp.MS_CHAP_CHALLENGE);
    const value = avpValue(avps, TtlsAvp.MS_CHAP2_RESPONSE);
    const ident = challenge?.[16];
    // RFC 5281 §11.2.4: challenge and Ident MUST be those of the tunnel, or it is a response from elsewhere.
    const isOfTunnel =
      challenge &&
      shown &&
      constantTimeEqual(shown, challenge.subarray(0, 16)) &&
      value?.[0] === ident;
    if (!isOfTunnel || value?.length !== 50 || ident === undefined) return PROTOCOL_ERROR;
    const run = {
      authenticatorChallenge: challenge.slice(0, 16),
      peerChallenge: Uint8Array.from(value.subarray(2, 18)),
      userName,
    };
    state = { kind: 'password-asked', run, ident, response: Uint8Array.from(value.subarray(26)) };
    return { kind: 'work', work: { kind: 'password', user: userName } };
  };

  const judge = (
    { run, ident, response }: State & { readonly kind: 'password-asked' },
    password: KeyMaterial | undefined,
  ): TlsAuthenticatorStep => {
    const passwordHash = password && ntPasswordHash(password);
    if (passwordHash === undefined) return WRONG;
    const isRight = constantTimeEqual(ntResponse(context.crypto, run, passwordHash), response);
    const shown = authenticatorResponse(context.crypto, run, passwordHash, response);
    passwordHash.erase();
    if (!isRight) return WRONG;
    state = { kind: 'success-sent', user: run.userName };
    const text = `S=${hexOf(shown)}`;
    const value = Uint8Array.of(ident, ...Array.from(text, (letter) => letter.charCodeAt(0)));
    return { kind: 'write', data: encodeAvps([mandatory(TtlsAvp.MS_CHAP2_SUCCESS, value)]) };
  };

  return {
    received(session, data) {
      if (state.kind === 'eap') return state.inside.received(session, data);
      // RFC 5281 §11.2.4: the peer acknowledges the success with nothing.
      if (state.kind === 'success-sent') {
        return data.length === 0 ? { kind: 'done', user: state.user } : PROTOCOL_ERROR;
      }
      if (data.length === 0) return { kind: 'wait' };
      return state.kind === 'credentials-awaited' ? onCredentials(session, data) : PROTOCOL_ERROR;
    },
    answer(answer) {
      if (state.kind === 'eap') return state.inside.answer(answer);
      if (answer.kind === 'check-password' && state.kind === 'password-checked') {
        return answer.isRight ? { kind: 'done', user: state.user } : WRONG;
      }
      return answer.kind === 'password' && state.kind === 'password-asked'
        ? judge(state, answer.password)
        : { kind: 'fail', reason: 'work-failed' };
    },
  };
}

const PROTOCOL_ERROR: TlsAuthenticatorStep = { kind: 'fail', reason: 'protocol-error' };
const WRONG: TlsAuthenticatorStep = { kind: 'fail', reason: 'wrong-credentials' };

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
}
