import { constantTimeEqual } from '@ipsec-kit/crypto';
import type { EapMethod, EapMethodContext, EapPeerMethod, EapStep } from '../eap-method.ts';
import { EapType } from '../eap-type.ts';
import { md5 } from '../legacy/message-digest.ts';

const CHALLENGE_BYTES = 16;
const DIGEST_BYTES = 16;

/** EAP-MD5: the peer shows that it knows a password; the authenticator shows nothing, and there is no key.
 * Only inside a protected tunnel, or where the IKE peer is authenticated otherwise.
 * @see RFC 3748 §5.4, RFC 1994 §4.1
 */
export const md5ChallengeMethod: EapMethod = {
  type: EapType.MD5_CHALLENGE,
  name: 'MD5-Challenge',
  isMutual: false,
  createPeer,
  createAuthenticator(context) {
    const challenge = new Uint8Array(CHALLENGE_BYTES);
    context.random.fill(challenge);
    let pending: { readonly identifier: number; readonly value: Uint8Array } | undefined;
    return {
      start: () => ({ kind: 'send', data: withSize(challenge) }),
      response(data, identifier) {
        const value = challengeValue(data);
        if (value?.length !== DIGEST_BYTES) return { kind: 'fail', reason: 'protocol-error' };
        pending = { identifier, value: value.slice() };
        return { kind: 'work', work: { kind: 'password', user: context.identity } };
      },
      answer(answer) {
        if (answer.kind !== 'password') return { kind: 'fail', reason: 'work-failed' };
        if (!answer.password || !pending) return { kind: 'fail', reason: 'wrong-credentials' };
        const { identifier, value } = pending;
        const expected = md5(Uint8Array.of(identifier), answer.password.reveal(), challenge);
        return constantTimeEqual(expected, value)
          ? { kind: 'succeed', user: context.identity }
          : { kind: 'fail', reason: 'wrong-credentials' };
      },
    };
  },
};

function createPeer(context: EapMethodContext): EapPeerMethod {
  let pending: { readonly identifier: number; readonly challenge: Uint8Array } | undefined;
  let isThrough = false;
  return {
    request(data, identifier): EapStep {
      const challenge = challengeValue(data);
      if (challenge === undefined || challenge.length === 0) return { kind: 'ignore' };
      pending = { identifier, challenge: challenge.slice() };
      return { kind: 'work', work: { kind: 'password', user: context.identity } };
    },
    answer(answer): EapStep {
      if (answer.kind !== 'password' || !pending) return { kind: 'fail', reason: 'work-failed' };
      if (!answer.password) return { kind: 'fail', reason: 'wrong-credentials' };
      const { identifier, challenge } = pending;
      isThrough = true;
      const value = md5(Uint8Array.of(identifier), answer.password.reveal(), challenge);
      return { kind: 'send', data: withSize(value) };
    },
    get outcome() {
      return isThrough ? {} : undefined;
    },
  };
}

/** Value-Size and Value; what follows is a name that nobody needs. */
function challengeValue(data: Uint8Array): Uint8Array | undefined {
  const [size] = data;
  return size !== undefined && size < data.length ? data.subarray(1, 1 + size) : undefined;
}

function withSize(value: Uint8Array): Uint8Array {
  return Uint8Array.of(value.length, ...value);
}
