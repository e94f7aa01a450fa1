import {
  AEAD_IV_BYTES,
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

/** Bytes of implicit nonce behind the key. @see RFC 4106 §4 */
const SALT_BYTES = 4;
/** EVP_CTRL_GCM_SET_IV_FIXED of the whole nonce: from then on OpenSSL counts its last 8 bytes, as TLS has it. */
const SET_IV_FIXED = 0x12;
const WHOLE_NONCE = -1;
const NEXT_IV = 0;
const ICV = 1;

/** AES-GCM (RFC 4106), nonce = salt | IV. One context for each direction that is used, keyed once. A packet takes four calls:
 * with the ICV of a packet OpenSSL is asked for the nonce of the next one, which it counts itself and tells. What it told is
 * compared with the IV at hand before it is used; another IV than the next one costs two calls more.
 */
export class GcmCipher extends NativeCipher implements OpenSslPacketCipher {
  /** Written by OpenSSL: the IV that it takes next, where there is no ICV yet, and together with one. */
  readonly #begun: ParameterList;
  readonly #sealed: ParameterList;
  /** Read by OpenSSL: the IV and the ICV. */
  readonly #received: ParameterList;
  /** The IV that the sealing context has, as it told; none before the first and after a failure. */
  readonly #next: Uint8Array = new Uint8Array(AEAD_IV_BYTES);
  #hasNext = false;

  /** @param algorithm - an EVP_CIPHER. @param contexts - empty, with key and salt. */
  constructor(
    shape: CipherShape,
    evp: Evp,
    scratch: Scratch,
    algorithm: number,
    contexts: NativeContexts,
  ) {
    super(shape, evp, scratch, algorithm, contexts);
    const icv = { name: 'tag', sizeBytes: shape.icvBytes };
    const nextIv = { name: 'tlsivgen', sizeBytes: AEAD_IV_BYTES };
    const nextAddress = evp.addressOf(this.#next);
    this.#begun = createParameterList(evp, [nextIv]);
    this.#begun.pointTo(NEXT_IV, nextAddress);
    this.#sealed = createParameterList(evp, [nextIv, icv]);
    this.#sealed.pointTo(NEXT_IV, nextAddress);
    this.#received = createParameterList(evp, [
      { name: 'tlsivinv', sizeBytes: AEAD_IV_BYTES },
      icv,
    ]);
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
    const context = this.contextFor('encrypt');
    const base = this.scratch.addressOf(memory);
    const text = base + textOffset;
    const hasNonce =
      this.#isNext(memory, ivOffset, aadOffset, high) ||
      this.#setNonce(context, memory, ivOffset, aadOffset, high);
    this.#hasNext = false;
    this.#sealed.pointTo(ICV, text + textBytes);
    const isDone =
      hasNonce &&
      this.#addHeader(context, memory, base, aadOffset, aadBytes, high) &&
      evp.cipher(context, text, text, textBytes) === textBytes &&
      evp.cipher(context, 0, 0, 0) === 0 &&
      evp.readParameters(context, this.#sealed.address) === 1;
    this.#hasNext = isDone;
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
    const context = this.contextFor('decrypt');
    const base = this.scratch.addressOf(memory);
    const text = base + textOffset;
    this.#received.pointTo(ICV, text + textBytes);
    this.#received.pointTo(NEXT_IV, this.#ivAddress(memory, base, ivOffset, aadOffset, high));
    const isAuthentic =
      evp.setParameters(context, this.#received.address) === 1 &&
      this.#addHeader(context, memory, base, aadOffset, aadBytes, high) &&
      evp.cipher(context, text, text, textBytes) === textBytes &&
      evp.cipher(context, 0, 0, 0) === 0;
    if (isAuthentic) return true;
    // It is decrypted by now: nobody is to read what nobody vouches for.
    memory.fill(0, textOffset, textOffset + textBytes);
    evp.clearErrors();
    return false;
  }

  override close(): void {
    this.#hasNext = false;
    super.close();
  }

  /** Whether OpenSSL has the nonce of this packet already. */
  #isNext(
    memory: Uint8Array,
    ivOffset: number,
    headerOffset: number,
    high: number | undefined,
  ): boolean {
    if (!this.#hasNext) return false;
    const next = this.#next;
    if (this.iv === 'implicit') {
      const { nonce } = this.scratch;
      writeAeadIv(this, memory, ivOffset, headerOffset, high, nonce, SALT_BYTES);
      return startsWith(nonce, SALT_BYTES, next);
    }
    return startsWith(memory, ivOffset, next);
  }

  /** Hands over the whole nonce, and has it taken. */
  #setNonce(
    context: number,
    memory: Uint8Array,
    ivOffset: number,
    headerOffset: number,
    high: number | undefined,
  ): boolean {
    const evp = this.evp;
    const { nonce, nonceAddress } = this.scratch;
    this.#writeSalt(nonce);
    writeAeadIv(this, memory, ivOffset, headerOffset, high, nonce, SALT_BYTES);
    return (
      evp.control(context, SET_IV_FIXED, WHOLE_NONCE, nonceAddress) === 1 &&
      evp.readParameters(context, this.#begun.address) === 1 &&
      startsWith(nonce, SALT_BYTES, this.#next)
    );
  }

  /** Where the IV of a packet that came lies, or one that is not sent is written. */
  #ivAddress(
    memory: Uint8Array,
    base: number,
    ivOffset: number,
    headerOffset: number,
    high: number | undefined,
  ): number {
    if (this.iv !== 'implicit') return base + ivOffset;
    const { nonce, nonceAddress } = this.scratch;
    writeAeadIv(this, memory, ivOffset, headerOffset, high, nonce, SALT_BYTES);
    return nonceAddress + SALT_BYTES;
  }

  /** Has the AAD hashed, which is made where the sequence number is extended. */
  #addHeader(
    context: number,
    memory: Uint8Array,
    base: number,
    aadOffset: number,
    aadBytes: number,
    high: number | undefined,
  ): boolean {
    if (high === undefined) {
      return this.evp.cipher(context, 0, base + aadOffset, aadBytes) === aadBytes;
    }
    const { aad, aadAddress } = this.scratch;
    writeExtendedAad(memory, aadOffset, high, aad, 0);
    return this.evp.cipher(context, 0, aadAddress, EXTENDED_AAD_BYTES) === EXTENDED_AAD_BYTES;
  }

  #writeSalt(nonce: Uint8Array): void {
    const { key } = this.contexts;
    const from = key.length - SALT_BYTES;
    for (let i = 0; i < SALT_BYTES; i += 1) nonce[i] = key[from + i] ?? 0;
  }

  protected override finishContext(context: number): boolean {
    // A received IV replaces the last 8 bytes of a nonce that is there.
    const { nonce, nonceAddress } = this.scratch;
    this.#writeSalt(nonce);
    return this.evp.control(context, SET_IV_FIXED, WHOLE_NONCE, nonceAddress) === 1;
  }
}

function startsWith(memory: Uint8Array, offset: number, iv: Uint8Array): boolean {
  for (let i = AEAD_IV_BYTES - 1; i >= 0; i -= 1) if (memory[offset + i] !== iv[i]) return false;
  return true;
}
