import { ml_kem512, ml_kem768, ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { argumentError } from '../argument-error.ts';
import { KeyMaterial } from '../key-material.ts';
import type { KeyAgreement, KeyExchangeSecret, KeyResponse } from '../provider.ts';
import type { RandomSource } from '../random-source.ts';
import { Ke } from '../transforms.ts';

/** Bytes of the seed d | z that a key pair is made from. @see FIPS 203 §7.1 */
const SEED_BYTES = 64;
/** Bytes of randomness m of one encapsulation. @see FIPS 203 §7.2 */
const MESSAGE_BYTES = 32;

/** One parameter set of ML-KEM with the sizes of what travels. @see FIPS 203 §8, Table 3 */
export interface MlKemParameters {
  readonly kem: typeof ml_kem768;
  /** What the initiator sends. */
  readonly encapsulationKeyBytes: number;
  /** What the responder sends. */
  readonly ciphertextBytes: number;
}

const PARAMETERS: Readonly<Record<number, MlKemParameters>> = {
  [Ke.ML_KEM_512]: { kem: ml_kem512, encapsulationKeyBytes: 800, ciphertextBytes: 768 },
  [Ke.ML_KEM_768]: { kem: ml_kem768, encapsulationKeyBytes: 1184, ciphertextBytes: 1088 },
  [Ke.ML_KEM_1024]: { kem: ml_kem1024, encapsulationKeyBytes: 1568, ciphertextBytes: 1568 },
};

/** The parameter set of a key exchange method, or `undefined` when it is not ML-KEM. */
export function mlKemParameters(method: number): MlKemParameters | undefined {
  return PARAMETERS[method];
}

class MlKemSecret implements KeyExchangeSecret {
  readonly method: number;
  readonly publicValue: Uint8Array;
  readonly #decapsulationKey: Uint8Array;

  constructor(method: number, keys: { publicKey: Uint8Array; secretKey: Uint8Array }) {
    this.method = method;
    this.publicValue = keys.publicKey;
    this.#decapsulationKey = keys.secretKey;
  }

  decapsulate(parameters: MlKemParameters, ciphertext: Uint8Array): Uint8Array {
    return parameters.kem.decapsulate(ciphertext, this.#decapsulationKey);
  }
}

/** Whether a secret was made by {@link generateMlKem}. */
export function isMlKemSecret(secret: KeyExchangeSecret): boolean {
  return secret instanceof MlKemSecret;
}

/** Makes the initiator's key pair. @throws RangeError when `method` is not ML-KEM, Error when `random` is broken. */
export function generateMlKem(method: number, random: RandomSource): KeyExchangeSecret {
  const seed = draw(random, SEED_BYTES);
  const secret = new MlKemSecret(method, requireParameters(method).kem.keygen(seed));
  seed.fill(0);
  return secret;
}

/** Opens the responder's ciphertext. A forged one of the right length gives a secret that nobody knows (FIPS 203 §6.3). */
export function agreeMlKem(secret: KeyExchangeSecret, ciphertext: Uint8Array): KeyAgreement {
  if (!(secret instanceof MlKemSecret)) {
    throw new TypeError('"secret" expected what generate() returned for an ML-KEM method');
  }
  const parameters = requireParameters(secret.method);
  if (ciphertext.length !== parameters.ciphertextBytes) return { ok: false, code: 'bad-length' };
  const shared = secret.decapsulate(parameters, ciphertext);
  return { ok: true, sharedSecret: new KeyMaterial(shared) };
}

/** Encapsulates a fresh secret for the initiator's key, after the check of FIPS 203 §7.2. */
export function respondMlKem(
  method: number,
  encapsulationKey: Uint8Array,
  random: RandomSource,
): KeyResponse {
  const { kem, encapsulationKeyBytes } = requireParameters(method);
  if (encapsulationKey.length !== encapsulationKeyBytes) return { ok: false, code: 'bad-length' };
  const message = draw(random, MESSAGE_BYTES);
  try {
    const { cipherText, sharedSecret } = kem.encapsulate(encapsulationKey, message);
    return { ok: true, publicValue: cipherText, sharedSecret: new KeyMaterial(sharedSecret) };
  } catch {
    // All that noble can object to by now: a coefficient that is not reduced modulo q.
    return { ok: false, code: 'invalid-key' };
  } finally {
    message.fill(0);
  }
}

function requireParameters(method: number): MlKemParameters {
  const parameters = PARAMETERS[method];
  if (parameters === undefined) throw argumentError('method', 'an ML-KEM method', method);
  return parameters;
}

function draw(random: RandomSource, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  random.fill(bytes);
  if (bytes.every((byte) => byte === 0)) {
    throw new Error('"random" gave nothing but zeros: it is not random');
  }
  return bytes;
}
