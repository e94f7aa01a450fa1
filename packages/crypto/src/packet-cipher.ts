import { constantTimeEqualAt } from './constant-time-equal.ts';
import { packetLayoutFault, requirePacketLayout } from './packet-layout.ts';
import type { CipherShape, PacketCipher } from './provider.ts';
import {
  AEAD_IV_BYTES,
  appendSequenceHigh,
  EXTENDED_AAD_BYTES,
  writeAeadIv,
  writeExtendedAad,
} from './sequence-number.ts';

/** An AEAD as a provider computes it, in place; places have been checked. */
export interface AeadPrimitive {
  /** Encrypts `[textOffset, icvOffset)` and writes the ICV behind it. */
  seal(
    nonce: Uint8Array,
    aad: Uint8Array,
    memory: Uint8Array,
    textOffset: number,
    icvOffset: number,
  ): void;
  /** Verifies the ICV in constant time, and decrypts; leaves the text as it is when that fails. */
  open(
    nonce: Uint8Array,
    aad: Uint8Array,
    memory: Uint8Array,
    textOffset: number,
    icvOffset: number,
  ): boolean;
}

/** A packet cipher of an AEAD: nonce = salt | IV. @see RFC 4106 §4, RFC 4309 §4, RFC 7634 §2 */
export function createAeadCipher(
  shape: CipherShape,
  salt: Uint8Array,
  aead: AeadPrimitive,
): PacketCipher {
  const nonce = new Uint8Array(salt.length + AEAD_IV_BYTES);
  nonce.set(salt);
  const extended = new Uint8Array(EXTENDED_AAD_BYTES);
  return {
    ...shape,
    seal(memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes, high): void {
      requirePacketLayout(
        shape,
        memory,
        aadOffset,
        aadBytes,
        ivOffset,
        textOffset,
        textBytes,
        high,
      );
      writeAeadIv(shape, memory, ivOffset, aadOffset, high, nonce, salt.length);
      const aad = aadOf(memory, aadOffset, aadBytes, high, extended);
      aead.seal(nonce, aad, memory, textOffset, textOffset + textBytes);
    },
    open(memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes, high): boolean {
      if (
        packetLayoutFault(shape, memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes, high)
      ) {
        return false;
      }
      writeAeadIv(shape, memory, ivOffset, aadOffset, high, nonce, salt.length);
      const aad = aadOf(memory, aadOffset, aadBytes, high, extended);
      return aead.open(nonce, aad, memory, textOffset, textOffset + textBytes);
    },
  };
}

/** A cipher and a MAC as a provider computes them. */
export interface CipherAndMac {
  encrypt(iv: Uint8Array, text: Uint8Array): Uint8Array;
  decrypt(iv: Uint8Array, text: Uint8Array): Uint8Array;
  /** At least as many bytes as the ICV has. */
  mac(message: Uint8Array): Uint8Array;
}

/** A packet cipher that encrypts, then MACs AAD, IV and ciphertext. @see RFC 4303 §3.3.2, RFC 7296 §3.14 */
export function createEncryptThenMac(shape: CipherShape, parts: CipherAndMac): PacketCipher {
  const received = new Uint8Array(shape.icvBytes);
  return {
    ...shape,
    seal(memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes, high): void {
      requirePacketLayout(
        shape,
        memory,
        aadOffset,
        aadBytes,
        ivOffset,
        textOffset,
        textBytes,
        high,
      );
      const icvOffset = textOffset + textBytes;
      const iv = memory.subarray(ivOffset, textOffset);
      memory.set(parts.encrypt(iv, memory.subarray(textOffset, icvOffset)), textOffset);
      const end = appendSequenceHigh(memory, icvOffset, high);
      const icv = parts.mac(memory.subarray(aadOffset, end));
      memory.set(icv.subarray(0, shape.icvBytes), icvOffset);
    },
    open(memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes, high): boolean {
      if (
        packetLayoutFault(shape, memory, aadOffset, aadBytes, ivOffset, textOffset, textBytes, high)
      ) {
        return false;
      }
      const icvOffset = textOffset + textBytes;
      // Not by `slice`, which copies nothing where the memory is a Buffer.
      received.set(memory.subarray(icvOffset, icvOffset + shape.icvBytes));
      const end = appendSequenceHigh(memory, icvOffset, high);
      const icv = parts.mac(memory.subarray(aadOffset, end));
      memory.set(received, icvOffset);
      if (!constantTimeEqualAt(received, 0, icv, shape.icvBytes)) return false;
      const iv = memory.subarray(ivOffset, textOffset);
      memory.set(parts.decrypt(iv, memory.subarray(textOffset, icvOffset)), textOffset);
      return true;
    },
  };
}

/** The first counter block of AES-CTR in a packet: nonce | IV | 1. @see RFC 3686 §4 */
export function ctrBlock(salt: Uint8Array, iv: Uint8Array): Uint8Array {
  const block = new Uint8Array(16);
  block.set(salt);
  block.set(iv, salt.length);
  block[15] = 1;
  return block;
}

function aadOf(
  memory: Uint8Array,
  aadOffset: number,
  aadBytes: number,
  sequenceHigh: number | undefined,
  extended: Uint8Array,
): Uint8Array {
  if (sequenceHigh === undefined) return memory.subarray(aadOffset, aadOffset + aadBytes);
  writeExtendedAad(memory, aadOffset, sequenceHigh, extended, 0);
  return extended;
}
