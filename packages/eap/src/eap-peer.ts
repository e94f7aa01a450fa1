import type { CryptoProvider, KeyMaterial, RandomSource } from '@ipsec-kit/crypto';
import { bytesEqual } from '@ipsec-kit/crypto';
import type {
  EapAnswer,
  EapFailure,
  EapMethod,
  EapPeerMethod,
  EapStep,
  EapWork,
} from './eap-method.ts';
import { decodeEapPacket, EapCode, encodeEapPacket } from './eap-packet.ts';
import { EapType } from './eap-type.ts';

/** Most requests in one conversation; EAP-TLS with a long chain takes some twenty. */
export const MAX_EAP_ROUNDS = 64;
const MAX_NOTIFICATION_BYTES = 1024;

/** What a peer is made of. */
export interface EapPeerOptions {
  /** Sent in the Identity response, and the user's name in the methods; UTF-8, as RFC 7542 writes it. */
  readonly identity: Uint8Array;
  /** Best first; a request for another one is answered with a Nak that names these. */
  readonly methods: readonly EapMethod[];
  readonly crypto: Pick<CryptoProvider, 'sha1'>;
  readonly random: RandomSource;
}

/** What comes into an EAP machine. */
export type EapInput =
  | { readonly kind: 'packet'; readonly packet: Uint8Array }
  /** The answer to a piece of work, by its id; one that nobody waits for is ignored. */
  | { readonly kind: 'answer'; readonly id: number; readonly answer: EapAnswer };

/** What comes out of the peer's machine. */
export type EapPeerOutput =
  | { readonly kind: 'send'; readonly packet: Uint8Array }
  | { readonly kind: 'work'; readonly id: number; readonly work: EapWork }
  /** A text for the user: untrusted bytes, at most 1024. Acknowledged already. */
  | { readonly kind: 'notification'; readonly text: Uint8Array }
  | { readonly kind: 'success'; readonly method: EapMethod; readonly msk?: KeyMaterial }
  | { readonly kind: 'failure'; readonly reason: EapFailure }
  /** A packet that means nothing now was discarded; in IKEv2 the exchange cannot go on after it. */
  | { readonly kind: 'ignored' };

/** The peer's machine: one conversation, from the first request to success or failure. */
export interface EapPeer {
  /** Never throws, whatever the packet is. After success or failure everything is ignored. */
  handle(input: EapInput): readonly EapPeerOutput[];
  /** What an EAP-Success would mean now; `undefined` while the method is not through. For a tunnel, which ends without one inside. */
  readonly outcome: EapPeerMethod['outcome'];
  /** Why the method has failed already, while the authenticator has yet to say so. */
  readonly failure: EapFailure | undefined;
}

interface Running {
  readonly method: EapMethod;
  readonly machine: EapPeerMethod;
}

/** Makes the peer's machine. Without a clock: its time is that of the exchange that carries it.
 * @throws RangeError without a method.
 * @see RFC 3748 §2, §4, RFC 7296 §2.16
 */
export function createEapPeer(options: EapPeerOptions): EapPeer {
  if (options.methods.length === 0)
    throw new RangeError('"methods" expected at least one, got none');
  let running: Running | undefined;
  let rounds = 0;
  let isOver = false;
  let workId = 0;
  /** The request whose answer is being worked on, and the last one that was answered, with the answer. */
  let pending: { readonly identifier: number; readonly type: number } | undefined;
  let last: { readonly request: Uint8Array; readonly response: Uint8Array } | undefined;
  let request: Uint8Array = new Uint8Array(0);

  const fail = (reason: EapFailure): readonly EapPeerOutput[] => {
    isOver = true;
    return [{ kind: 'failure', reason }];
  };

  const respond = (identifier: number, type: number, data: Uint8Array): EapPeerOutput => {
    pending = undefined;
    const packet = encodeEapPacket({ code: EapCode.RESPONSE, identifier, type, data });
    last = { request, response: packet };
    return { kind: 'send', packet };
  };

  const perform = (step: EapStep, identifier: number, type: number): readonly EapPeerOutput[] => {
    switch (step.kind) {
      case 'send':
        return [respond(identifier, type, step.data)];
      case 'work':
        workId += 1;
        pending = { identifier, type };
        return [{ kind: 'work', id: workId, work: step.work }];
      case 'fail':
        return fail(step.reason);
      default:
        return [{ kind: 'ignored' }];
    }
  };

  const onRequest = (identifier: number, type: number, data: Uint8Array) => {
    switch (type) {
      case EapType.IDENTITY:
        // RFC 3748 §2: the identity is asked for before the method, not in it.
        return running
          ? [{ kind: 'ignored' } as const]
          : [respond(identifier, type, options.identity)];
      case EapType.NOTIFICATION: {
        // RFC 3748 §5.2: MUST be answered, and changes nothing.
        const text = data.slice(0, MAX_NOTIFICATION_BYTES);
        const answer = respond(identifier, type, new Uint8Array(0));
        return [{ kind: 'notification', text } as const, answer];
      }
      default:
        return onMethodRequest(identifier, type, data);
    }
  };

  const onMethodRequest = (identifier: number, type: number, data: Uint8Array) => {
    if (running === undefined) {
      const method = options.methods.find((candidate) => candidate.type === type);
      if (method === undefined) {
        // RFC 3748 §5.3.1: the types that would do; once a method has begun there is no Nak any more.
        const wanted = Uint8Array.from(options.methods, (candidate) => candidate.type);
        return [respond(identifier, EapType.NAK, wanted)];
      }
      running = { method, machine: method.createPeer(options) };
    }
    // RFC 3748 §2.1: one method in one conversation.
    if (running.method.type !== type) return [{ kind: 'ignored' } as const];
    return perform(running.machine.request(data, identifier), identifier, type);
  };

  const onPacket = (bytes: Uint8Array): readonly EapPeerOutput[] => {
    const packet = decodeEapPacket(bytes);
    if (packet === undefined || packet.code === EapCode.RESPONSE) return [{ kind: 'ignored' }];
    if (packet.code === EapCode.FAILURE) return fail(running?.machine.failure ?? 'refused');
    if (!('type' in packet)) {
      const outcome = running?.machine.outcome;
      if (!running || !outcome) return fail('unexpected-success');
      isOver = true;
      return [{ kind: 'success', method: running.method, ...outcome }];
    }
    // RFC 3748 §4.1: a request that comes again gets the response that it got.
    if (last && bytesEqual(last.request, bytes)) return [{ kind: 'send', packet: last.response }];
    if (pending) return [{ kind: 'ignored' }];
    rounds += 1;
    if (rounds > MAX_EAP_ROUNDS) return fail('too-many-rounds');
    request = new Uint8Array(bytes);
    return onRequest(packet.identifier, packet.type, packet.data);
  };

  return {
    handle(input) {
      if (isOver) return [];
      if (input.kind === 'packet') return onPacket(input.packet);
      if (!pending || !running || input.id !== workId) return [];
      if (input.answer.kind === 'failed') return fail('work-failed');
      const { identifier, type } = pending;
      return perform(running.machine.answer(input.answer), identifier, type);
    },
    get outcome() {
      return running?.machine.outcome;
    },
    get failure() {
      return running?.machine.failure;
    },
  };
}
