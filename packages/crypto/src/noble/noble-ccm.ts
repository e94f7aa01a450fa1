import { cbc, ctr } from '@noble/ciphers/aes.js';
import { constantTimeEqualAt } from '../constant-time-equal.ts';
import type { AeadPrimitive } from '../packet-cipher.ts';

const BLOCK_BYTES = 16;
/** Bytes of the length field, q: 15 less the 11 bytes of nonce. @see RFC 4309 §4 */
const LENGTH_BYTES = 4;
/** AAD from here on has its length in four bytes. @see RFC 3610 §2.2 */
const LONG_AAD_BYTES = 0xff00;
const ZERO_IV = new Uint8Array(BLOCK_BYTES);

/** AES-CCM from noble's CTR and CBC. @param tagBytes - 8, 12 or 16. @see RFC 3610 §2, RFC 4309 */
export function createNobleCcm(key: Uint8Array, tagBytes: number): AeadPrimitive {
  return {
    seal(nonce, aad, memory, textOffset, icvOffset): void {
      const text = memory.subarray(textOffset, icvOffset);
      const tag = cbcMac(key, nonce, aad, text, tagBytes);
      const { mask, output } = counted(key, nonce, text);
      memory.set(output, textOffset);
      memory.set(masked(tag, mask).subarray(0, tagBytes), icvOffset);
    },
    open(nonce, aad, memory, textOffset, icvOffset): boolean {
      const { mask, output } = counted(key, nonce, memory.subarray(textOffset, icvOffset));
      const tag = masked(cbcMac(key, nonce, aad, output, tagBytes), mask);
      if (!constantTimeEqualAt(memory, icvOffset, tag, tagBytes)) return false;
      memory.set(output, textOffset);
      return true;
    },
  };
}

/** Key stream block 0 masks the tag, the rest the text. @see RFC 3610 §2.3 */
function counted(
  key: Uint8Array,
  nonce: Uint8Array,
  text: Uint8Array,
): { readonly mask: Uint8Array; readonly output: Uint8Array } {
  const counter = new Uint8Array(BLOCK_BYTES);
  counter[0] = LENGTH_BYTES - 1;
  counter.set(nonce, 1);
  const input = new Uint8Array(BLOCK_BYTES + text.length);
  input.set(text, BLOCK_BYTES);
  const stream = ctr(key, counter).encrypt(input);
  return { mask: stream.subarray(0, BLOCK_BYTES), output: stream.subarray(BLOCK_BYTES) };
}

/** @see RFC 3610 §2.2 */
function cbcMac(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  text: Uint8Array,
  tagBytes: number,
): Uint8Array {
  const aadHeader = aadLength(aad.length);
  const aadBlocks = Math.ceil((aadHeader.length + aad.length) / BLOCK_BYTES) * BLOCK_BYTES;
  const textBlocks = Math.ceil(text.length / BLOCK_BYTES) * BLOCK_BYTES;
  const input = new Uint8Array(BLOCK_BYTES + aadBlocks + textBlocks);
  input[0] = (aad.length > 0 ? 0x40 : 0) | (((tagBytes - 2) / 2) << 3) | (LENGTH_BYTES - 1);
  input.set(nonce, 1);
  new DataView(input.buffer).setUint32(BLOCK_BYTES - LENGTH_BYTES, text.length);
  input.set(aadHeader, BLOCK_BYTES);
  input.set(aad, BLOCK_BYTES + aadHeader.length);
  input.set(text, BLOCK_BYTES + aadBlocks);
  return cbc(key, ZERO_IV, { disablePadding: true }).encrypt(input).slice(-BLOCK_BYTES);
}

function aadLength(bytes: number): Uint8Array {
  if (bytes === 0) return new Uint8Array(0);
  if (bytes < LONG_AAD_BYTES) return Uint8Array.of(bytes >>> 8, bytes & 0xff);
  return Uint8Array.of(0xff, 0xfe, bytes >>> 24, bytes >>> 16, bytes >>> 8, bytes);
}

function masked(tag: Uint8Array, mask: Uint8Array): Uint8Array {
  return tag.map((byte, i) => byte ^ (mask[i] ?? 0));
}
