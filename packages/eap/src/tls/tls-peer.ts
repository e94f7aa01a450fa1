import type { EapAnswer, EapFailure, EapPeerMethod, EapStep } from '../eap-method.ts';
import { createTlsFraming, TLS_ACKNOWLEDGEMENT } from './tls-framing.ts';
import type { TlsReply, TlsSession } from './tls-work.ts';

/** What a peer does once the tunnel is open. */
export type TlsPeerStep =
  /** Answers with what TLS has to send, and waits. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'write'; readonly data: Uint8Array }
  /** Through: the server has shown all that it has to. */
  | { readonly kind: 'done' }
  | { readonly kind: 'work'; readonly work: (EapStep & { kind: 'work' })['work'] }
  | { readonly kind: 'fail'; readonly reason: EapFailure };

/** The inside of a tunnel, at the peer. */
export interface TlsPeerInside {
  /** The tunnel is open, or something came through it; `data` may be empty. */
  received(session: TlsSession, data: Uint8Array): TlsPeerStep;
  /** The answer to its work. */
  answer(answer: EapAnswer): TlsPeerStep;
  /** Whether an EAP-Success is what it says now, though nothing has come through the tunnel that says so. */
  readonly isThrough: boolean;
  /** Why it has failed already, while the server has yet to say so. */
  readonly failure?: EapFailure | undefined;
}

/** The peer's half of a method with TLS: framing, handshake, and what is inside. Never throws. @see RFC 5216 §2.1, RFC 5281 §7 */
export function createTlsPeer(
  method: number,
  fragmentBytes: number,
  inside: TlsPeerInside,
): EapPeerMethod {
  const framing = createTlsFraming(fragmentBytes);
  let state: 'start-awaited' | 'running' | 'done' | 'refused' = 'start-awaited';
  let session: TlsSession | undefined;
  /** What TLS has to send, while the inside makes up its mind. */
  let unsent: Uint8Array = NOTHING;
  let isAlerted = false;

  const ask = (records: Uint8Array, data: Uint8Array): EapStep => ({
    kind: 'work',
    work: { kind: 'tls', tls: { role: 'client', method, records, data } },
  });

  const send = (): EapStep => {
    const data = unsent.length > 0 ? framing.send(unsent) : TLS_ACKNOWLEDGEMENT;
    unsent = NOTHING;
    return { kind: 'send', data };
  };

  const follow = (step: TlsPeerStep): EapStep => {
    switch (step.kind) {
      case 'wait':
        return send();
      case 'write':
        return ask(NOTHING, step.data);
      case 'done':
        state = 'done';
        return send();
      default:
        return step;
    }
  };

  const onReply = (reply: TlsReply): EapStep => {
    unsent = joined(unsent, reply.records);
    if (reply.hasFailed) {
      // RFC 5216 §2.1.3: an alert is sent, and one that has come is acknowledged; then the server ends the conversation.
      // Without either there is nothing to say: an acknowledgement would be that of a handshake that went well.
      state = 'refused';
      isAlerted = reply.isAlerted ?? false;
      return unsent.length > 0 || reply.isAlerted
        ? send()
        : { kind: 'fail', reason: 'server-not-authenticated' };
    }
    const isNew = session === undefined && reply.session !== undefined;
    session ??= reply.session;
    if (session === undefined) return send();
    return isNew || reply.data.length > 0 ? follow(inside.received(session, reply.data)) : send();
  };

  return {
    request(data): EapStep {
      const frame = framing.receive(data);
      if (state === 'refused') return { kind: 'fail', reason: 'server-not-authenticated' };
      switch (frame.kind) {
        case 'start':
          if (state !== 'start-awaited') return { kind: 'fail', reason: 'protocol-error' };
          state = 'running';
          return ask(NOTHING, NOTHING);
        case 'fragment':
          return { kind: 'send', data: TLS_ACKNOWLEDGEMENT };
        case 'next':
          return { kind: 'send', data: frame.data };
        case 'message':
          // Nothing where something has to come would go round and round.
          return state === 'running' && frame.records.length > 0
            ? ask(frame.records, NOTHING)
            : { kind: 'fail', reason: 'protocol-error' };
        default:
          return { kind: 'fail', reason: 'protocol-error' };
      }
    },
    answer(answer): EapStep {
      if (state !== 'running') return { kind: 'fail', reason: 'work-failed' };
      return answer.kind === 'tls' ? onReply(answer.tls) : follow(inside.answer(answer));
    },
    get outcome() {
      const isThrough = state === 'done' || (state === 'running' && inside.isThrough);
      return isThrough && session ? { msk: session.msk } : undefined;
    },
    get failure() {
      if (state !== 'refused') return inside.failure;
      return isAlerted ? 'refused' : 'server-not-authenticated';
    },
  };
}

const NOTHING: Uint8Array = /* @__PURE__ */ new Uint8Array(0);

/** One array behind another. */
export function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
