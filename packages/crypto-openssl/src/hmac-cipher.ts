import {
  appendSequenceHigh,
  type CipherShape,
  packetLayoutFault,
  requirePacketLayout,
} from '@ipsec-kit/crypto';
import type { Evp } from './evp.ts';
import { NativeCipher } from './native-cipher.ts';
import { type NativeContexts, requireSuccess } from './native-contexts.ts';
import type { OpenSslPacketCipher } from './packet-cipher.ts';
import type { Scratch } from './scratch.ts';

/** What an {@link HmacCipher} is made of. */
export interface HmacCipherOptions {
  /** EVP_CIPHER of the cipher. */
  readonly algorithm: number;
  /** EVP_MD inside the HMAC. */
  readonly digest: number;
  /** For counter mode: bytes of nonce behind the key; the counter block is nonce | IV | 1. CBC has none. */
  readonly saltBytes: number;
  readonly integrityKey: Uint8Array;
}

/** AES-CBC (RFC 3602) or AES-CTR (RFC 3686), encrypt-then-MAC with a truncated HMAC over AAD, IV and ciphertext
 * (RFC 4303 §3.3.2, RFC 7296 §3.14).
 */
export class HmacCipher extends NativeCipher implements OpenSslPacketCipher {
  readonly #salt: Uint8Array;

  /** @param contexts - empty, with the encryption key. */
  constructor(
    shape: CipherShape,
    evp: Evp,
    scratch: Scratch,
    options: HmacCipherOptions,
    contexts: NativeContexts,
  ) {
    super(shape, evp, scratch, options.algorithm, contexts);
    this.#salt = contexts.key.subarray(contexts.key.length - options.saltBytes);
    contexts.hmac = evp.newHmac();
    requireSuccess(evp, contexts.hmac !== 0, 'make an HMAC');
    scratch.withKey(options.integrityKey, (key) => {
      const { length } = options.integrityKey;
      const isDone = evp.hmacInit(contexts.hmac, key, length, options.digest, 0) === 1;
      requireSuccess(evp, isDone, 'set an HMAC key');
    });
  }

  seal(
    memory: Uint8Array,
    aadOffset: number,
    aadBytes: number,
    ivOffset: number,
    textOffset: number,
    textBytes: number,
    high?: number,
  ): void {
    requirePacketLayout(this, memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes, high);
    const evp = this.evp;
    const { hash, lengthAddress } = this.scratch;
    const context = this.contextFor('encrypt');
    const base = this.scratch.addressOf(memory);
    const text = base + textOffset;
    const icv = textOffset + textBytes;
    const iv = this.#ivAddress(memory, base, ivOffset);
    const isDone =
      evp.encryptInit(context, 0, 0, 0, iv) === 1 &&
      evp.encryptUpdate(context, text, lengthAddress, text, textBytes) === 1 &&
      this.#hash(base + aadOffset, appendSequenceHigh(memory, icv, high) - aadOffset);
    // Never on content; and nothing may leave that was not sealed.
    if (!isDone) requireSuccess(evp, false, 'encrypt');
    for (let i = 0; i < this.icvBytes; i += 1) memory[icv + i] = hash[i] ?? 0;
  }

  open(
    memory: Uint8Array,
    aadOffset: number,
    aadBytes: number,
    ivOffset: number,
    textOffset: number,
    textBytes: number,
    high?: number,
  ): boolean {
    if (
      packetLayoutFault(this, memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes, high)
    ) {
      return false;
    }
    const evp = this.evp;
    const { hashAddress, lengthAddress } = this.scratch;
    const context = this.contextFor('decrypt');
    const base = this.scratch.addressOf(memory);
    const text = base + textOffset;
    // The ICV first: what is not authentic is not decrypted. RFC 4303 §3.4.4.1
    const icv = textOffset + textBytes;
    const isHashed = this.#hashReceived(memory, base, aadOffset, icv, high);
    const isAuthentic = isHashed && evp.compare(hashAddress, base + icv, this.icvBytes) === 0;
    if (!isAuthentic) return false;
    const iv = this.#ivAddress(memory, base, ivOffset);
    const isDone =
      evp.decryptInit(context, 0, 0, 0, iv) === 1 &&
      evp.decryptUpdate(context, text, lengthAddress, text, textBytes) === 1;
    if (!isDone) requireSuccess(evp, false, 'decrypt');
    return true;
  }

  /** Hashes a packet that came; the upper half of its sequence number lies where its ICV begins meanwhile. */
  #hashReceived(
    memory: Uint8Array,
    base: number,
    aadOffset: number,
    icv: number,
    high: number | undefined,
  ): boolean {
    if (high === undefined) return this.#hash(base + aadOffset, icv - aadOffset);
    const { aad } = this.scratch;
    for (let i = 0; i < 4; i += 1) aad[i] = memory[icv + i] ?? 0;
    const end = appendSequenceHigh(memory, icv, high);
    const isHashed = this.#hash(base + aadOffset, end - aadOffset);
    for (let i = 0; i < 4; i += 1) memory[icv + i] = aad[i] ?? 0;
    return isHashed;
  }

  #hash(address: number, bytes: number): boolean {
    const evp = this.evp;
    const { hmac } = this.contexts;
    const { hashAddress, lengthAddress } = this.scratch;
    return (
      evp.hmacInit(hmac, 0, 0, 0, 0) === 1 &&
      evp.hmacUpdate(hmac, address, bytes) === 1 &&
      evp.hmacFinal(hmac, hashAddress, lengthAddress) === 1
    );
  }

  /** CBC takes the IV from the packet; the counter block of CTR is put together. @see RFC 3686 §4 */
  #ivAddress(memory: Uint8Array, base: number, ivOffset: number): number {
    const salt = this.#salt;
    if (salt.length === 0) return base + ivOffset;
    const { nonce, nonceAddress } = this.scratch;
    for (let i = 0; i < salt.length; i += 1) nonce[i] = salt[i] ?? 0;
    for (let i = 0; i < 8; i += 1) nonce[4 + i] = memory[ivOffset + i] ?? 0;
    nonce[12] = 0;
    nonce[13] = 0;
    nonce[14] = 0;
    nonce[15] = 1;
    return nonceAddress;
  }

  protected override finishContext(context: number): boolean {
    // ESP pads on its own, to whole blocks.
    return this.evp.setPadding(context, 0) === 1;
  }
}
