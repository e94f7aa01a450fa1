import type { CipherShape } from '@ipsec-kit/crypto';
import type { Evp } from './evp.ts';
import {
  closedError,
  freeContexts,
  keepIf,
  type NativeContexts,
  newContext,
} from './native-contexts.ts';
import type { Scratch } from './scratch.ts';

/** What all ciphers in OpenSSL's memory have in common: their shape, and one context for each direction that is used, made when
 * it is first needed and keyed once.
 */
export abstract class NativeCipher implements CipherShape {
  readonly encryptionKeyBytes: number;
  readonly integrityKeyBytes: number;
  readonly ivBytes: number;
  readonly iv: CipherShape['iv'];
  readonly blockBytes: number;
  readonly icvBytes: number;
  protected readonly evp: Evp;
  protected readonly scratch: Scratch;
  protected readonly contexts: NativeContexts;
  readonly #algorithm: number;
  #isClosed = false;

  /** @param algorithm - an EVP_CIPHER. @param contexts - empty, with key and salt. */
  constructor(
    shape: CipherShape,
    evp: Evp,
    scratch: Scratch,
    algorithm: number,
    contexts: NativeContexts,
  ) {
    this.encryptionKeyBytes = shape.encryptionKeyBytes;
    this.integrityKeyBytes = shape.integrityKeyBytes;
    this.ivBytes = shape.ivBytes;
    this.iv = shape.iv;
    this.blockBytes = shape.blockBytes;
    this.icvBytes = shape.icvBytes;
    this.evp = evp;
    this.scratch = scratch;
    this.contexts = contexts;
    this.#algorithm = algorithm;
  }

  /** Frees the contexts and overwrites the keys; harmless when repeated. */
  close(): void {
    this.#isClosed = true;
    freeContexts(this.evp, this.contexts);
  }

  /** Sets what a context has for good beside its key. @returns whether OpenSSL took it. */
  protected finishContext(_context: number): boolean {
    return true;
  }

  /** The keyed context of a direction. @throws Error when the cipher was closed. */
  protected contextFor(direction: 'encrypt' | 'decrypt'): number {
    // By name: a computed one is looked up anew for every packet.
    const { encrypt, decrypt } = this.contexts;
    return (direction === 'encrypt' ? encrypt : decrypt) || this.#make(direction);
  }

  #make(direction: 'encrypt' | 'decrypt'): number {
    if (this.#isClosed) throw closedError();
    const { evp } = this;
    const init = direction === 'encrypt' ? evp.encryptInit : evp.decryptInit;
    const context = newContext(evp);
    this.scratch.withKey(this.contexts.key, (key) => {
      keepIf(evp, context, init(context, this.#algorithm, 0, key, 0) === 1, 'set a key');
    });
    keepIf(evp, context, this.finishContext(context), 'set up a context');
    this.contexts[direction] = context;
    return context;
  }
}
