import { TransformType } from '@ipsec-kit/crypto';
import type { Transform } from '@ipsec-kit/ikev2-codec';
import { isAdditional, type KnownAlgorithm } from './proposal-keywords.ts';

/** The transforms of one proposal by type, each once, in the order given. */
export class ProposalParts {
  readonly #transforms: Transform[] = [];
  #aeads = 0;
  #ciphers = 0;

  add({ transform, aead }: KnownAlgorithm): void {
    const same = (one: Transform): boolean =>
      one.type === transform.type && one.id === transform.id && one.keyBits === transform.keyBits;
    if (this.#transforms.some(same)) return;
    this.#transforms.push(transform);
    if (aead) this.#aeads += 1;
    else if (transform.type === TransformType.ENCR) this.#ciphers += 1;
  }

  of(type: number): readonly Transform[] {
    return this.#transforms.filter((one) => one.type === type);
  }

  /** Additional key exchanges, in the order in which they are performed. */
  get additional(): readonly Transform[] {
    return this.#transforms.filter(isAdditional).toSorted((a, b) => a.type - b.type);
  }

  get kind(): 'none' | 'aead' | 'cipher' | 'mixed' {
    if (this.#aeads === 0) return this.#ciphers === 0 ? 'none' : 'cipher';
    return this.#ciphers === 0 ? 'aead' : 'mixed';
  }
}
