import { KeyMaterial } from '@ipsec-kit/crypto';
import type { Answer, EapProgress, EapStepRequest, EapWork } from '../../src/index.ts';

/** An EAP packet: code, identifier, length, data. */
export function eapPacket(
  code: number,
  identifier: number,
  data: readonly number[] = [],
): Uint8Array {
  const length = 4 + data.length;
  return Uint8Array.of(code, identifier, length >> 8, length & 0xff, ...data);
}

/** A method of the test: the authenticator asks so many times, and takes what the peer answers. */
export interface Method {
  readonly rounds: number;
  /** A byte that both repeat to an MSK of 64; `undefined`: the method makes none. */
  readonly key: number | undefined;
  readonly isMutual: boolean;
  readonly user: string;
}

export const METHOD: Method = { rounds: 2, key: 9, isMutual: true, user: 'carol' };

/** Performs the steps of either end of a {@link Method}. */
export class EapWorker implements EapWork {
  readonly requests: EapStepRequest[] = [];
  readonly keys: KeyMaterial[] = [];
  /** Replaces what comes of a step. */
  change: (progress: EapProgress, request: EapStepRequest) => EapProgress = (progress) => progress;
  readonly #method: Method;

  constructor(method: Partial<Method> = {}) {
    this.#method = { ...METHOD, ...method };
  }

  step(request: EapStepRequest): Answer {
    this.requests.push(request);
    return { kind: 'eap-step', progress: this.change(this.#step(request), request) };
  }

  #step({ role, packet }: EapStepRequest): EapProgress {
    const { rounds, key, isMutual, user } = this.#method;
    const identifier = packet?.[1] ?? 0;
    const msk = () => {
      const made = new KeyMaterial(new Uint8Array(64).fill(key ?? 0));
      this.keys.push(made);
      return key === undefined ? {} : { msk: made };
    };
    if (role === 'peer') {
      if (packet?.[0] === 4) return { kind: 'failure', detail: 'the server refused it' };
      if (packet?.[0] === 3) return { kind: 'success', isMutual, ...msk() };
      return { kind: 'continue', packet: eapPacket(2, identifier, [77]) };
    }
    const answered = packet === undefined ? 0 : identifier;
    if (answered < rounds) return { kind: 'continue', packet: eapPacket(1, answered + 1, [77]) };
    const name = new TextEncoder().encode(user);
    return { kind: 'success', packet: eapPacket(3, answered), isMutual, user: name, ...msk() };
  }
}
