import type {
  EapAnswer,
  EapAuthenticatorMethod,
  EapMethod,
  EapPeerMethod,
  EapStep,
  EapWork,
} from '@ipsec-kit/eap';
import type { EapMethodOptions, EapMethodQuestion } from '../eap-options.ts';

/** Who is asked for work of its kind, and what was seen to be wrong; one for each conversation. */
export interface ForeignRun {
  /** The method that runs. */
  current: EapMethodOptions | undefined;
  /** In words: begins small, without a full stop; nothing that the method has said is in it. */
  fault: string | undefined;
}

/** Least bytes of an MSK. @see RFC 3748 §7.10 */
const MIN_MSK_BYTES = 64;
const MAX_OUTPUT_BYTES = 65_536;
const STEPS: ReadonlySet<unknown> = new Set(['send', 'work', 'ignore', 'fail', 'succeed']);

/** A method of somebody else's, kept from more harm than the end of its conversation: whatever it throws, or answers that is nothing. */
export function foreignMethod(options: EapMethodOptions, run: ForeignRun): EapMethod {
  const { method, name } = options;
  const failed = (fault: string): EapStep => {
    run.fault ??= `the EAP method ${name} ${fault}`;
    return { kind: 'fail', reason: 'work-failed' };
  };
  const attempt = (make: () => EapStep): EapStep => {
    run.current = options;
    try {
      const step = make();
      if (!STEPS.has(step?.kind)) return failed('answered with what is no step');
      if (step.kind !== 'succeed') return step;
      return isKey(step.msk) ? step : failed(SHORT_MSK);
    } catch {
      // What it says may hold a secret.
      return failed('threw an error');
    }
  };
  return {
    type: method.type,
    name: method.name,
    isMutual: method.isMutual,
    createPeer(context) {
      const peer = made(() => method.createPeer(context)) ?? BROKEN;
      return {
        request: (data, id) => attempt(() => peer.request(data, id)),
        answer: (answer) => attempt(() => peer.answer(answer)),
        get outcome() {
          const outcome = made(() => peer.outcome);
          if (!outcome || isKey(outcome.msk)) return outcome;
          failed(SHORT_MSK);
          return undefined;
        },
        get failure() {
          return made(() => peer.failure);
        },
      };
    },
    createAuthenticator(context) {
      const machine = made(() => method.createAuthenticator(context)) ?? BROKEN;
      return {
        start: (id) => attempt(() => machine.start(id)),
        response: (data, id) => attempt(() => machine.response(data, id)),
        answer: (answer) => attempt(() => machine.answer(answer)),
      };
    },
  };
}

/** Has the work of a method done. Never rejects. */
export async function foreignWork(
  run: ForeignRun,
  question: Pick<EapMethodQuestion, 'connection' | 'role' | 'user'>,
  { operation, input }: Extract<EapWork, { readonly kind: 'method' }>,
): Promise<EapAnswer> {
  const { current } = run;
  const failed = (fault: string): EapAnswer => {
    run.fault ??= `the work ${JSON.stringify(operation)} of the EAP method ${current?.name} ${fault}`;
    return { kind: 'failed' };
  };
  if (!current?.perform) return failed('is for nobody: give it perform in eapMethods');
  try {
    const { output, secret, status } = await current.perform({ ...question, operation, input });
    const isAnswer = output instanceof Uint8Array && output.length <= MAX_OUTPUT_BYTES;
    if (!isAnswer || !['more', 'done', 'failed'].includes(status)) {
      return failed('was answered with something else than { output, status }');
    }
    return { kind: 'method', output, status, ...(secret ? { secret } : {}) };
  } catch {
    return failed('failed');
  }
}

const SHORT_MSK = `made an MSK of less than ${MIN_MSK_BYTES} bytes (RFC 3748 §7.10)`;

/** Stands for what could not be made: each step of it throws. */
const BROKEN: EapPeerMethod & EapAuthenticatorMethod = {
  request: broken,
  response: broken,
  start: broken,
  answer: broken,
  outcome: undefined,
};

function broken(): never {
  throw new Error('the method could not be made');
}

function made<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

/** Whether there is no MSK, or one that is long enough. */
function isKey(msk: { reveal(): Uint8Array } | undefined): boolean {
  return msk === undefined || msk.reveal().length >= MIN_MSK_BYTES;
}
