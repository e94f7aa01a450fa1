import {
  type CipherShape,
  EXTENDED_AAD_BYTES,
  packetLayoutFault,
  requirePacketLayout,
  writeAeadIv,
  writeExtendedAad,
} from '@ipsec-kit/crypto';
import type { Evp } from './evp.ts';
import { NativeCipher } from './native-cipher.ts';
import { type NativeContexts, requireSuccess } from './native-contexts.ts';
import type { OpenSslPacketCipher } from './packet-cipher.ts';
import { createParameterList, type ParameterList } from './parameter-list.ts';
import type { Scratch } from './scratch.ts';

/** Bytes of implicit nonce behind the key. @see RFC 7634 §2 */
const SALT_BYTES = 4;

/** ChaCha20-Poly1305 (RFC 7634), nonce = salt | IV. One context for each direction that is used, keyed once: five calls to
 * seal a packet and four to open one, of which the first sets the nonce.
 */
export class ChaChaCipher extends NativeCipher implements OpenSslPacketCipher {
  readonly #tag: ParameterList;
  readonly #salt: Uint8Array;

  /** @param algorithm - an EVP_CIPHER. @param contexts - empty, with key and salt. */
  constructor(
    shape: CipherShape,
    evp: Evp,
    scratch: Scratch,
    algorithm: number,
    contexts: NativeContexts,
  ) {
    super(shape, evp, scratch, algorithm, contexts);
    this.#tag = createParameterList(evp, [{ name: 'tag', sizeBytes: shape.icvBytes }]);
    this.#salt = contexts.key.subarray(contexts.key.length - SALT_BYTES);
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
    const { nonceAddress, lengthAddress } = this.scratch;
    const context = this.contextFor('encrypt');
    const base = this.scratch.addressOf(memory);
    const text = base + textOffset;
    this.#tag.pointTo(0, text + textBytes);
    const aad = this.#prepare(memory, base, aadOffset, ivOffset, high);
    const hashedBytes = high === undefined ? aadBytes : EXTENDED_AAD_BYTES;
    const isDone =
      evp.encryptInit(context, 0, 0, 0, nonceAddress) === 1 &&
      evp.encryptUpdate(context, 0, lengthAddress, aad, hashedBytes) === 1 &&
      evp.encryptUpdate(context, text, lengthAddress, text, textBytes) === 1 &&
      evp.encryptFinal(context, text, lengthAddress) === 1 &&
      evp.readParameters(context, this.#tag.address) === 1;
    // Never on content; and nothing may leave that was not sealed.
    if (!isDone) requireSuccess(evp, false, 'encrypt');
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
    const { nonceAddress, lengthAddress } = this.scratch;
    const context = this.contextFor('decrypt');
    const base = this.scratch.addressOf(memory);
    const text = base + textOffset;
    this.#tag.pointTo(0, text + textBytes);
    const aad = this.#prepare(memory, base, aadOffset, ivOffset, high);
    const hashedBytes = high === undefined ? aadBytes : EXTENDED_AAD_BYTES;
    const isAuthentic =
      evp.decryptInitWith(context, 0, 0, nonceAddress, this.#tag.address) === 1 &&
      evp.decryptUpdate(context, 0, lengthAddress, aad, hashedBytes) === 1 &&
      evp.decryptUpdate(context, text, lengthAddress, text, textBytes) === 1 &&
      evp.decryptFinal(context, text, lengthAddress) === 1;
    if (isAuthentic) return true;
    // It is decrypted by now: nobody is to read what nobody vouches for.
    memory.fill(0, textOffset, textOffset + textBytes);
    evp.clearErrors();
    return false;
  }

  /** Writes the nonce. @returns the address of the AAD, which is made where the sequence number is extended. */
  #prepare(
    memory: Uint8Array,
    base: number,
    aadOffset: number,
    ivOffset: number,
    high: number | undefined,
  ): number {
    const { nonce, aad, aadAddress } = this.scratch;
    const salt = this.#salt;
    for (let i = 0; i < SALT_BYTES; i += 1) nonce[i] = salt[i] ?? 0;
    writeAeadIv(this, memory, ivOffset, aadOffset, high, nonce, SALT_BYTES);
    if (high === undefined) return base + aadOffset;
    writeExtendedAad(memory, aadOffset, high, aad, 0);
    return aadAddress;
  }
}
