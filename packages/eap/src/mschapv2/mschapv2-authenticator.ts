import { constantTimeEqual, type KeyMaterial } from '@ipsec-kit/crypto';
import type {
  EapAuthenticatorMethod,
  EapMethod,
  EapMethodContext,
  EapStep,
} from '../eap-method.ts';
import { EapType } from '../eap-type.ts';
import {
  authenticatorResponse,
  type MsChapRun,
  msChapMsk,
  ntPasswordHash,
  ntResponse,
} from './ms-chap-v2.ts';
import { decodeMsChapPacket, encodeMsChapPacket, MsChapOpCode } from './mschapv2-packet.ts';
import { createMsChapPeer } from './mschapv2-peer.ts';

/** EAP-MSCHAPv2: both ends show that they know a password, and a key follows from it.
 * Its strength is that of one DES key whatever the password: an observer who sees it unprotected finds the hash in hours.
 * Inside IKEv2 only the server that the peer has authenticated sees it.
 */
export const msChapV2Method: EapMethod = {
  type: EapType.MSCHAPV2,
  name: 'MSCHAPv2',
  // RFC 5998 §4 (3): whoever plays the server could try passwords at leisure on what the peer sends.
  isMutual: false,
  createPeer: createMsChapPeer,
  createAuthenticator: createMsChapAuthenticator,
};

const SERVER_NAME: Uint8Array = /* @__PURE__ */ ascii('ipsec-kit');
/** ERROR_AUTHENTICATION_FAILURE, no retry. @see RFC 2759 §6 */
const FAILURE_TEXT = 'E=691 R=0 C=';

type State =
  | { readonly kind: 'response-awaited' }
  | { readonly kind: 'password-awaited'; readonly run: MsChapRun; readonly response: Uint8Array }
  | {
      readonly kind: 'acknowledgement-awaited';
      readonly user: Uint8Array;
      readonly msk: KeyMaterial;
    }
  | { readonly kind: 'failure-sent' };

/** The authenticator's half of EAP-MSCHAPv2; an unknown user and a wrong password look the same to the peer. */
function createMsChapAuthenticator(context: EapMethodContext): EapAuthenticatorMethod {
  const challenge = new Uint8Array(16);
  context.random.fill(challenge);
  let id = 0;
  let state: State = { kind: 'response-awaited' };

  const verdict = (run: MsChapRun, response: Uint8Array, password?: KeyMaterial): EapStep => {
    const passwordHash = password && ntPasswordHash(password);
    const isRight =
      passwordHash !== undefined &&
      constantTimeEqual(ntResponse(context.crypto, run, passwordHash), response);
    if (passwordHash === undefined || !isRight) {
      passwordHash?.erase();
      state = { kind: 'failure-sent' };
      const text = `${FAILURE_TEXT}${hexOf(challenge)} V=3 M=Authentication failed`;
      return message(MsChapOpCode.FAILURE, id, text);
    }
    const shown = authenticatorResponse(context.crypto, run, passwordHash, response);
    state = {
      kind: 'acknowledgement-awaited',
      user: run.userName,
      msk: msChapMsk(context.crypto, passwordHash, response),
    };
    passwordHash.erase();
    return message(MsChapOpCode.SUCCESS, id, `S=${hexOf(shown)} M=Welcome`);
  };

  return {
    start(identifier): EapStep {
      id = identifier;
      const packet = { opCode: MsChapOpCode.CHALLENGE, id, challenge, name: SERVER_NAME } as const;
      return { kind: 'send', data: encodeMsChapPacket(packet) };
    },
    response(data): EapStep {
      const packet = decodeMsChapPacket(data);
      if (packet === undefined) return { kind: 'fail', reason: 'protocol-error' };
      if (packet.opCode === MsChapOpCode.RESPONSE && state.kind === 'response-awaited') {
        if (packet.id !== id) return { kind: 'fail', reason: 'protocol-error' };
        const run: MsChapRun = {
          authenticatorChallenge: challenge,
          peerChallenge: packet.peerChallenge.slice(),
          userName: packet.name.slice(),
        };
        state = { kind: 'password-awaited', run, response: packet.ntResponse.slice() };
        return { kind: 'work', work: { kind: 'password', user: run.userName } };
      }
      if (packet.opCode === MsChapOpCode.SUCCESS && state.kind === 'acknowledgement-awaited') {
        return { kind: 'succeed', user: state.user, msk: state.msk };
      }
      return {
        kind: 'fail',
        reason: state.kind === 'failure-sent' ? 'wrong-credentials' : 'protocol-error',
      };
    },
    answer(answer): EapStep {
      if (answer.kind !== 'password' || state.kind !== 'password-awaited') {
        return { kind: 'fail', reason: 'work-failed' };
      }
      return verdict(state.run, state.response, answer.password);
    },
  };
}

function message(opCode: 3 | 4, id: number, text: string): EapStep {
  return { kind: 'send', data: encodeMsChapPacket({ opCode, id, message: ascii(text) }) };
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
