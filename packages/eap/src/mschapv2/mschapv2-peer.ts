import { constantTimeEqual, type KeyMaterial } from '@ipsec-kit/crypto';
import type { EapMethodContext, EapPeerMethod, EapStep } from '../eap-method.ts';
import {
  authenticatorResponse,
  type MsChapRun,
  msChapMsk,
  ntPasswordHash,
  ntResponse,
} from './ms-chap-v2.ts';
import { decodeMsChapPacket, encodeMsChapPacket, MsChapOpCode } from './mschapv2-packet.ts';

/** `S=` and the authenticator response in hexadecimal. @see RFC 2759 §5 */
const AUTHENTICATOR_RESPONSE = /^S=([0-9A-F]{40})/i;
const MAX_MESSAGE_BYTES = 512;

type State =
  | { readonly kind: 'challenge-awaited' }
  | { readonly kind: 'password-awaited'; readonly id: number; readonly challenge: Uint8Array }
  | { readonly kind: 'verdict-awaited'; readonly expected: Uint8Array; readonly msk: KeyMaterial }
  | { readonly kind: 'authenticated'; readonly msk: KeyMaterial }
  | { readonly kind: 'refused' };

/** The peer's half of EAP-MSCHAPv2. The MSK stands only once the authenticator has shown that it knows the password.
 * @see draft-kamath-pppext-eap-mschapv2-02, RFC 2759 §4-§6
 */
export function createMsChapPeer(context: EapMethodContext): EapPeerMethod {
  let state: State = { kind: 'challenge-awaited' };

  const onChallenge = (id: number, challenge: Uint8Array): EapStep => {
    // A second challenge before the verdict starts anew: the run is not over.
    state = { kind: 'password-awaited', id, challenge: challenge.slice() };
    return { kind: 'work', work: { kind: 'password', user: context.identity } };
  };

  const respond = (id: number, challenge: Uint8Array, password: KeyMaterial): EapStep => {
    const passwordHash = ntPasswordHash(password);
    if (passwordHash === undefined) return { kind: 'fail', reason: 'wrong-credentials' };
    const peerChallenge = new Uint8Array(16);
    context.random.fill(peerChallenge);
    const run: MsChapRun = {
      authenticatorChallenge: challenge,
      peerChallenge,
      userName: context.identity,
    };
    const response = ntResponse(context.crypto, run, passwordHash);
    state = {
      kind: 'verdict-awaited',
      expected: authenticatorResponse(context.crypto, run, passwordHash, response),
      msk: msChapMsk(context.crypto, passwordHash, response),
    };
    passwordHash.erase();
    const { RESPONSE } = MsChapOpCode;
    const packet = { opCode: RESPONSE, id, peerChallenge, ntResponse: response } as const;
    return { kind: 'send', data: encodeMsChapPacket({ ...packet, name: context.identity }) };
  };

  const onSuccess = (message: Uint8Array): EapStep => {
    if (state.kind !== 'verdict-awaited') return { kind: 'fail', reason: 'protocol-error' };
    const shown = shownResponse(message);
    if (shown === undefined || !constantTimeEqual(shown, state.expected)) {
      return { kind: 'fail', reason: 'server-not-authenticated' };
    }
    state = { kind: 'authenticated', msk: state.msk };
    const { SUCCESS } = MsChapOpCode;
    return { kind: 'send', data: encodeMsChapPacket({ opCode: SUCCESS, message: NOTHING }) };
  };

  return {
    request(data): EapStep {
      const packet = decodeMsChapPacket(data);
      if (packet === undefined) return { kind: 'ignore' };
      switch (packet.opCode) {
        case MsChapOpCode.CHALLENGE:
          return state.kind === 'challenge-awaited'
            ? onChallenge(packet.id, packet.challenge)
            : { kind: 'fail', reason: 'protocol-error' };
        case MsChapOpCode.SUCCESS:
          return onSuccess(packet.message);
        case MsChapOpCode.FAILURE: {
          // A retry (R=1) needs a user with another password: the driver starts a new session for that.
          state = { kind: 'refused' };
          const { FAILURE } = MsChapOpCode;
          return { kind: 'send', data: encodeMsChapPacket({ opCode: FAILURE, message: NOTHING }) };
        }
        default:
          return { kind: 'ignore' };
      }
    },
    answer(answer): EapStep {
      if (answer.kind !== 'password' || state.kind !== 'password-awaited') {
        return { kind: 'fail', reason: 'work-failed' };
      }
      if (!answer.password) return { kind: 'fail', reason: 'wrong-credentials' };
      return respond(state.id, state.challenge, answer.password);
    },
    get outcome() {
      return state.kind === 'authenticated' ? { msk: state.msk } : undefined;
    },
  };
}

const NOTHING = new Uint8Array(0);

/** The authenticator response in the message of a success; `undefined` when there is none. @see RFC 2759 §5 */
export function shownResponse(message: Uint8Array): Uint8Array | undefined {
  const text = String.fromCharCode(...message.subarray(0, MAX_MESSAGE_BYTES));
  const digits = AUTHENTICATOR_RESPONSE.exec(text)?.[1];
  if (digits === undefined) return undefined;
  return Uint8Array.from({ length: 20 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}
