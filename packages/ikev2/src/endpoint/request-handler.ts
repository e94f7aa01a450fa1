import type { SecretStore } from '@ipsec-kit/auth';
import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import type {
  Answer,
  EapStepRequest,
  Request,
  SignRequest,
  VerifyPeerRequest,
} from '../endpoint-io.ts';
import type { AddressPools } from '../pools/address-pools.ts';

/** The requests that need no packet path and no sockets. */
export type LocalRequest = Exclude<
  Request,
  { readonly kind: 'install-child' | 'open-scratch-port' }
>;

/** Signs, and checks the signatures and certificates of peers: where keys, certificates and trusted authorities are known. */
export interface SignatureWork {
  sign(request: SignRequest): Answer | Promise<Answer>;
  verifyPeer(request: VerifyPeerRequest): Answer | Promise<Answer>;
}

/** Holds EAP conversations: where methods, passwords and certificates are known. */
export interface EapWork {
  step(request: EapStepRequest): Answer | Promise<Answer>;
}

/** What answers them. */
export interface RequestHandlerOptions {
  readonly crypto: CryptoProvider;
  /** For key exchange values. */
  readonly random: RandomSource;
  readonly secrets: SecretStore;
  readonly pools: AddressPools;
  /** Absent: no connection authenticates with signatures. */
  readonly signatures?: SignatureWork;
  /** Absent: no connection authenticates by EAP. */
  readonly eap?: EapWork;
}

/** Does the work that an endpoint asks for, all but the installation of Child SAs and the opening of ports.
 * @returns the answer at once where the provider is synchronous, a promise where it is not; the promise never rejects:
 * work that fails is answered with `failed`.
 */
export type RequestHandler = (request: LocalRequest) => Answer | Promise<Answer>;

/** Makes a handler of requests from a provider, secrets and pools. */
export function createRequestHandler(options: RequestHandlerOptions): RequestHandler {
  return (request) => {
    try {
      const answer = perform(options, request);
      return answer instanceof Promise ? answer.catch(failed) : answer;
    } catch (error) {
      return failed(error);
    }
  };
}

function perform(options: RequestHandlerOptions, request: LocalRequest): Answer | Promise<Answer> {
  const { crypto, random, secrets, pools } = options;
  switch (request.kind) {
    case 'generate-key': {
      const secret = crypto.generate(request.method, random);
      return secret instanceof Promise
        ? secret.then((value) => ({ kind: 'generate-key', secret: value }))
        : { kind: 'generate-key', secret };
    }
    case 'agree-key': {
      const agreement = crypto.agree(request.secret, request.peerPublicValue);
      return agreement instanceof Promise
        ? agreement.then((value) => ({ kind: 'agree-key', agreement: value }))
        : { kind: 'agree-key', agreement };
    }
    case 'respond-key': {
      const response = crypto.respond(request.method, request.peerPublicValue, random);
      return response instanceof Promise
        ? response.then((value) => ({ kind: 'respond-key', response: value }))
        : { kind: 'respond-key', response };
    }
    case 'shared-secret':
      return { kind: 'shared-secret', secret: secrets.find(request.local, request.remote) };
    case 'sign':
      return options.signatures?.sign(request) ?? NO_SIGNATURES;
    case 'verify-peer':
      return options.signatures?.verifyPeer(request) ?? NO_SIGNATURES;
    case 'eap-step':
      return options.eap?.step(request) ?? NO_EAP;
    case 'lease':
      return {
        kind: 'lease',
        lease: pools.lease(request.pools, request.identity, request.requested),
      };
    default:
      return unreachable(request);
  }
}

const NO_EAP: Answer = { kind: 'failed', reason: 'there are no EAP methods' };
const NO_SIGNATURES: Answer = { kind: 'failed', reason: 'there are no keys and certificates' };

function failed(error: unknown): Answer {
  return { kind: 'failed', reason: error instanceof Error ? error.message : 'unknown error' };
}

function unreachable(request: never): never {
  throw new Error(`unhandled request ${JSON.stringify(request)}`);
}
