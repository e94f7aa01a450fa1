import { bytesEqual } from '@ipsec-kit/crypto';
import type { EapAnswer, EapAuthenticatorMethod, EapFailure, EapStep } from '../eap-method.ts';
import { createTlsFraming, TLS_ACKNOWLEDGEMENT, TLS_START } from './tls-framing.ts';
import { joined } from './tls-peer.ts';
import type { TlsReply, TlsSession } from './tls-work.ts';

/** What an authenticator does once the tunnel is open. */
export type TlsAuthenticatorStep =
  /** Sends what TLS has to send, and waits. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'write'; readonly data: Uint8Array }
  /** The peer is authenticated; what TLS has to send goes first, and is acknowledged. */
  | { readonly kind: 'done'; readonly user: Uint8Array }
  | { readonly kind: 'work'; readonly work: (EapStep & { kind: 'work' })['work'] }
  | { readonly kind: 'fail'; readonly reason: EapFailure };

/** The inside of a tunnel, at the authenticator. */
export interface TlsAuthenticatorInside {
  /** The tunnel is open, something came through it, or it was acknowledged; `data` may be empty. */
  received(session: TlsSession, data: Uint8Array): TlsAuthenticatorStep;
  answer(answer: EapAnswer): TlsAuthenticatorStep;
}

/** The authenticator's half of a method with TLS. Never throws. @see RFC 5216 §2.1, RFC 5281 §7 */
export function createTlsAuthenticator(
  method: number,
  fragmentBytes: number,
  inside: TlsAuthenticatorInside,
): EapAuthenticatorMethod {
  const framing = createTlsFraming(fragmentBytes);
  let session: TlsSession | undefined;
  let unsent: Uint8Array = NOTHING;
  let hasFailed = false;
  /** Who it is, while the last message is on its way. */
  let user: Uint8Array | undefined;

  const ask = (records: Uint8Array, data: Uint8Array): EapStep => ({
    kind: 'work',
    work: { kind: 'tls', tls: { role: 'server', method, records, data } },
  });

  const send = (): EapStep => {
    // A request with nothing in it would be an acknowledgement of nothing.
    if (unsent.length === 0) return { kind: 'fail', reason: 'protocol-error' };
    const data = framing.send(unsent);
    unsent = NOTHING;
    return { kind: 'send', data };
  };

  const succeed = (who: Uint8Array): EapStep =>
    session
      ? { kind: 'succeed', user: who, msk: session.msk }
      : { kind: 'fail', reason: 'protocol-error' };

  const follow = (step: TlsAuthenticatorStep): EapStep => {
    switch (step.kind) {
      case 'wait':
        return send();
      case 'write':
        return ask(NOTHING, step.data);
      case 'done':
        // A certificate of one and the password of another prove neither.
        if (session?.user && !bytesEqual(session.user, step.user)) {
          return { kind: 'fail', reason: 'wrong-credentials' };
        }
        if (unsent.length === 0) return succeed(step.user);
        user = step.user;
        return send();
      default:
        return step;
    }
  };

  const onReply = (reply: TlsReply): EapStep => {
    unsent = joined(unsent, reply.records);
    if (reply.hasFailed) {
      hasFailed = true;
      return unsent.length > 0 ? send() : { kind: 'fail', reason: 'wrong-credentials' };
    }
    const isNew = session === undefined && reply.session !== undefined;
    session ??= reply.session;
    if (session === undefined) return send();
    return isNew || reply.data.length > 0 || unsent.length === 0
      ? follow(inside.received(session, reply.data))
      : send();
  };

  const onMessage = (records: Uint8Array): EapStep => {
    if (records.length > 0) return ask(records, NOTHING);
    if (user !== undefined) return succeed(user);
    return session
      ? follow(inside.received(session, NOTHING))
      : { kind: 'fail', reason: 'protocol-error' };
  };

  return {
    start: () => ({ kind: 'send', data: TLS_START }),
    response(data): EapStep {
      if (hasFailed) return { kind: 'fail', reason: 'wrong-credentials' };
      const frame = framing.receive(data);
      switch (frame.kind) {
        case 'fragment':
          return { kind: 'send', data: TLS_ACKNOWLEDGEMENT };
        case 'next':
          return { kind: 'send', data: frame.data };
        case 'message':
          return onMessage(frame.records);
        default:
          return { kind: 'fail', reason: 'protocol-error' };
      }
    },
    answer: (answer) =>
      answer.kind === 'tls' ? onReply(answer.tls) : follow(inside.answer(answer)),
  };
}

const NOTHING: Uint8Array = /* @__PURE__ */ new Uint8Array(0);
