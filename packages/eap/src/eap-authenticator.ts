import type { CryptoProvider, KeyMaterial, RandomSource } from '@ipsec-kit/crypto';
import type {
  EapAuthenticatorMethod,
  EapFailure,
  EapMethod,
  EapStep,
  EapWork,
} from './eap-method.ts';
import { decodeEapPacket, EapCode, encodeEapPacket } from './eap-packet.ts';
import { type EapInput, MAX_EAP_ROUNDS } from './eap-peer.ts';
import { EapType } from './eap-type.ts';

const MAX_IDENTITY_BYTES = 512;

/** What an authenticator is made of. */
export interface EapAuthenticatorOptions {
  /** Best first: the first one is proposed, a Nak chooses another. */
  readonly methods: readonly EapMethod[];
  /** Which methods this peer may use, once it has said who it is; `methods` when absent. An empty list is a refusal. */
  readonly methodsFor?: (identity: Uint8Array) => readonly EapMethod[];
  /** The peer's identity when it is known already (from IDi), so that it is not asked for. */
  readonly identity?: Uint8Array;
  readonly crypto: Pick<CryptoProvider, 'sha1'>;
  readonly random: RandomSource;
}

/** What comes out of the authenticator's machine. */
export type EapAuthenticatorOutput =
  /** The next request; EAP-Success and EAP-Failure come in front of `success` and `failure`. */
  | { readonly kind: 'send'; readonly packet: Uint8Array }
  | { readonly kind: 'work'; readonly id: number; readonly work: EapWork }
  /** What the peer says that it is; nothing is proved by it. */
  | { readonly kind: 'identity'; readonly identity: Uint8Array }
  /** The peer is authenticated as `user`: give it the rights of this name, not those of `identity`. */
  | {
      readonly kind: 'success';
      readonly method: EapMethod;
      readonly user: Uint8Array;
      readonly msk?: KeyMaterial;
    }
  | { readonly kind: 'failure'; readonly reason: EapFailure }
  | { readonly kind: 'ignored' };

/** The authenticator's machine: one conversation. */
export interface EapAuthenticator {
  /** The first request; to be called once, first. */
  start(): readonly EapAuthenticatorOutput[];
  /** Never throws, whatever the packet is. After success or failure everything is ignored. */
  handle(input: EapInput): readonly EapAuthenticatorOutput[];
}

type State =
  | { readonly kind: 'idle' | 'identity-awaited' | 'over' }
  | {
      readonly kind: 'method';
      readonly method: EapMethod;
      readonly machine: EapAuthenticatorMethod;
      /** No response but a Nak has come yet. */
      readonly isFresh: boolean;
      readonly isWorking: boolean;
    };

/** Makes the authenticator's machine; passwords are asked of the driver.
 * @throws RangeError without a method.
 * @see RFC 3748 §2, §4, §5.3
 */
export function createEapAuthenticator(options: EapAuthenticatorOptions): EapAuthenticator {
  if (options.methods.length === 0)
    throw new RangeError('"methods" expected at least one, got none');
  let state: State = { kind: 'idle' };
  let identity = options.identity;
  let allowed: readonly EapMethod[] = [];
  let refused: readonly number[] = [];
  let identifier = firstIdentifier(options.random);
  /** RFC 3748 §4.2: success and failure carry the identifier of the response that they answer. */
  let answered = identifier;
  let rounds = 0;
  let workId = 0;

  const send = (type: number, data: Uint8Array): EapAuthenticatorOutput => ({
    kind: 'send',
    packet: encodeEapPacket({ code: EapCode.REQUEST, identifier, type, data }),
  });

  const fail = (reason: EapFailure): readonly EapAuthenticatorOutput[] => {
    state = { kind: 'over' };
    const packet = encodeEapPacket({ code: EapCode.FAILURE, identifier: answered });
    return [
      { kind: 'send', packet },
      { kind: 'failure', reason },
    ];
  };

  const perform = (method: EapMethod, step: EapStep): readonly EapAuthenticatorOutput[] => {
    switch (step.kind) {
      case 'send':
        return [send(method.type, step.data)];
      case 'work':
        workId += 1;
        return [{ kind: 'work', id: workId, work: step.work }];
      case 'succeed': {
        state = { kind: 'over' };
        const packet = encodeEapPacket({ code: EapCode.SUCCESS, identifier: answered });
        const { kind, ...result } = step;
        return [
          { kind: 'send', packet },
          { kind: 'success', method, ...result },
        ];
      }
      case 'fail':
        return fail(step.reason);
      default:
        return [{ kind: 'ignored' }];
    }
  };

  const begin = (method: EapMethod | undefined): readonly EapAuthenticatorOutput[] => {
    if (method === undefined || identity === undefined) return fail('no-method');
    const { crypto, random } = options;
    const machine = method.createAuthenticator({ crypto, random, identity });
    const step = machine.start(identifier);
    state = { kind: 'method', method, machine, isFresh: true, isWorking: step.kind === 'work' };
    return perform(method, step);
  };

  const onIdentity = (name: Uint8Array): readonly EapAuthenticatorOutput[] => {
    if (name.length > MAX_IDENTITY_BYTES) return fail('protocol-error');
    identity = name.slice();
    allowed = options.methodsFor?.(identity) ?? options.methods;
    return [{ kind: 'identity', identity }, ...begin(allowed[0])];
  };

  const onNak = (method: EapMethod, wanted: Uint8Array): readonly EapAuthenticatorOutput[] => {
    // A method that was refused once is not offered again, so that the choosing ends.
    refused = [...refused, method.type];
    const next = allowed.find(({ type }) => wanted.includes(type) && !refused.includes(type));
    return begin(next);
  };

  const onPacket = (bytes: Uint8Array): readonly EapAuthenticatorOutput[] => {
    const packet = decodeEapPacket(bytes);
    if (packet?.code !== EapCode.RESPONSE || packet.identifier !== identifier) {
      return [{ kind: 'ignored' }];
    }
    if (state.kind === 'method' && state.isWorking) return [{ kind: 'ignored' }];
    rounds += 1;
    if (rounds > MAX_EAP_ROUNDS) return fail('too-many-rounds');
    answered = identifier;
    identifier = (identifier + 1) & 0xff;
    if (state.kind === 'identity-awaited') {
      return packet.type === EapType.IDENTITY ? onIdentity(packet.data) : fail('protocol-error');
    }
    if (state.kind !== 'method') return [{ kind: 'ignored' }];
    const { method, machine, isFresh } = state;
    // RFC 3748 §5.3.1: a Nak answers the first request of a method, no later one.
    if (packet.type === EapType.NAK && isFresh) return onNak(method, packet.data);
    if (packet.type !== method.type) return fail('protocol-error');
    const step = machine.response(packet.data, answered);
    state = { ...state, isFresh: false, isWorking: step.kind === 'work' };
    return perform(method, step);
  };

  return {
    start() {
      if (identity !== undefined) {
        allowed = options.methodsFor?.(identity) ?? options.methods;
        return begin(allowed[0]);
      }
      state = { kind: 'identity-awaited' };
      return [send(EapType.IDENTITY, new Uint8Array(0))];
    },
    handle(input) {
      if (state.kind === 'over' || state.kind === 'idle') return [];
      if (input.kind === 'packet') return onPacket(input.packet);
      if (state.kind !== 'method' || !state.isWorking || input.id !== workId) return [];
      if (input.answer.kind === 'failed') return fail('work-failed');
      const { method, machine } = state;
      const step = machine.answer(input.answer);
      state = { ...state, isWorking: step.kind === 'work' };
      return perform(method, step);
    },
  };
}

/** RFC 3748 §4.1: it SHOULD NOT begin with the same number each time. */
function firstIdentifier(random: RandomSource): number {
  const byte = new Uint8Array(1);
  random.fill(byte);
  return byte[0] ?? 0;
}
