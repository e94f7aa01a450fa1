import {
  type CryptoProvider,
  Ke,
  type KeyAgreement,
  type KeyExchangeSecret,
  type KeyResponse,
} from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { TransformType } from '@ipsec-kit/ikev2-codec';
import type { ConfiguredProposal } from '../../src/index.ts';
import { child, ESP_GCM, ikeProposal, Pair, type PairOptions } from '../pair.ts';

/** AES-CBC-256 with HMAC-SHA256 and x25519, then these additional key exchanges, one of each in the order of their types. */
export function hybrid(...methods: number[]): ConfiguredProposal {
  return withAdditional(ikeProposal(), methods);
}

/** ESP with x25519 and these. */
export function hybridEsp(...methods: number[]): ConfiguredProposal {
  const [cipher, ...rest] = ESP_GCM.transforms;
  if (!cipher) throw new Error('a cipher expected');
  const first = { type: TransformType.KE, id: Ke.CURVE25519 };
  return withAdditional({ transforms: [cipher, first, ...rest] }, methods);
}

function withAdditional({ transforms }: ConfiguredProposal, methods: number[]): ConfiguredProposal {
  const more = methods.map((id, index) => ({ type: TransformType.ADDKE1 + index, id }));
  return { transforms: [...transforms, ...more] };
}

/** A pair whose IKE SA and Child SA are both hybrid at both ends. */
export function hybridPair(options: PairOptions = {}, ...methods: number[]): Pair {
  const used = methods.length > 0 ? methods : [Ke.ML_KEM_768];
  const both = {
    proposals: [hybrid(...used)],
    children: [child({ proposals: [hybridEsp(...used)] })],
  };
  return new Pair({
    ...options,
    client: { ...both, ...options.client },
    server: { ...both, ...options.server },
  });
}

/** A provider that writes down every shared secret that the initiator has computed, in order. */
export function listening(): { readonly provider: CryptoProvider; readonly secrets: Uint8Array[] } {
  const inner = createNodeProvider();
  const secrets: Uint8Array[] = [];
  const note = (agreement: KeyAgreement | KeyResponse): void => {
    if (agreement.ok) secrets.push(agreement.sharedSecret.reveal().slice());
  };
  const agree = (secret: KeyExchangeSecret, value: Uint8Array): KeyAgreement => {
    const agreement = inner.agree(secret, value);
    if (agreement instanceof Promise) throw new Error('a synchronous provider expected');
    note(agreement);
    return agreement;
  };
  const provider: CryptoProvider = Object.assign(Object.create(inner), inner, { agree });
  return { provider, secrets };
}

/** A provider whose values for ML-KEM are changed on their way out; `undefined`: it fails. */
export function changing(
  what: 'generate' | 'respond',
  change: (value: Uint8Array) => Uint8Array | undefined,
): CryptoProvider {
  const inner = createNodeProvider();
  const changed = (method: number, value: Uint8Array): Uint8Array => {
    if (method < Ke.ML_KEM_512) return value;
    const result = change(value.slice());
    if (!result) throw new Error('out of order');
    return result;
  };
  const generate: CryptoProvider['generate'] = (method, random) => {
    const secret = inner.generate(method, random);
    if (secret instanceof Promise) throw new Error('a synchronous provider expected');
    const publicValue = changed(method, secret.publicValue);
    return Object.defineProperty(secret, 'publicValue', { value: publicValue });
  };
  const respond: CryptoProvider['respond'] = (method, value, random) => {
    const response = inner.respond(method, value, random);
    if (response instanceof Promise || !response.ok) throw new Error('a response expected');
    return { ...response, publicValue: changed(method, response.publicValue) };
  };
  return Object.assign(Object.create(inner), inner, { [what]: { generate, respond }[what] });
}
