import { KeyMaterial } from '@ipsec-kit/crypto';
import type { EapMethod, EapStep } from '../eap-method.ts';
import { EapType } from '../eap-type.ts';

const MAX_TEXT_BYTES = 1024;
const PROMPT: Uint8Array = /* @__PURE__ */ Uint8Array.from('Password: ', (letter) =>
  letter.charCodeAt(0),
);

/** EAP-GTC: a question, and an answer in clear text: a password or what a token card shows.
 * The authenticator shows nothing, and there is no key: only inside a protected tunnel, or where the IKE peer is
 * authenticated otherwise, and never towards a server that is not.
 * @see RFC 3748 §5.6
 */
export const gtcMethod: EapMethod = {
  type: EapType.GTC,
  name: 'GTC',
  isMutual: false,
  createPeer() {
    let isThrough = false;
    return {
      request(data): EapStep {
        const prompt = data.slice(0, MAX_TEXT_BYTES);
        return { kind: 'work', work: { kind: 'token', prompt } };
      },
      answer(answer): EapStep {
        if (answer.kind !== 'token') return { kind: 'fail', reason: 'work-failed' };
        if (!answer.token) return { kind: 'fail', reason: 'wrong-credentials' };
        isThrough = true;
        return { kind: 'send', data: answer.token.reveal().slice() };
      },
      get outcome() {
        return isThrough ? {} : undefined;
      },
    };
  },
  createAuthenticator: (context) => ({
    start: () => ({ kind: 'send', data: PROMPT }),
    response(data): EapStep {
      if (data.length === 0 || data.length > MAX_TEXT_BYTES) {
        return { kind: 'fail', reason: 'protocol-error' };
      }
      const password = new KeyMaterial(data.slice());
      return { kind: 'work', work: { kind: 'check-password', user: context.identity, password } };
    },
    answer(answer): EapStep {
      if (answer.kind !== 'check-password') return { kind: 'fail', reason: 'work-failed' };
      return answer.isRight
        ? { kind: 'succeed', user: context.identity }
        : { kind: 'fail', reason: 'wrong-credentials' };
    },
  }),
};
