/** Message digests of 1990 and 1991 that protocols of that time still need. Neither resists collisions:
 * nothing may rest on them but those protocols.
 */

const BLOCK_BYTES = 64;
const INITIAL: readonly number[] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

/** Mixes one block of 16 words into four. */
type Compress = (state: Int32Array, words: readonly number[]) => void;

/** MD4, 16 bytes: hashes the password of MSCHAPv2. @see RFC 1320, RFC 2759 §8.3 */
export function md4(message: Uint8Array): Uint8Array {
  return digest(compressMd4, message);
}

/** MD5, 16 bytes: EAP-MD5 and RADIUS. @see RFC 1321, RFC 3748 §5.4, RFC 2865 §3 */
export function md5(...parts: readonly Uint8Array[]): Uint8Array {
  return digest(compressMd5, concatenate(parts));
}

function digest(compress: Compress, message: Uint8Array): Uint8Array {
  // RFC 1320 §3.1, §3.2: a one bit, zeros, and the length in bits, little-endian.
  const blocks = Math.floor((message.length + 8) / BLOCK_BYTES) + 1;
  const padded = new Uint8Array(blocks * BLOCK_BYTES);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n, true);
  const state = Int32Array.from(INITIAL);
  for (let block = 0; block < blocks; block += 1) {
    const words = Array.from({ length: 16 }, (_, i) =>
      view.getInt32(block * BLOCK_BYTES + 4 * i, true),
    );
    compress(state, words);
  }
  padded.fill(0);
  const output = new Uint8Array(16);
  const out = new DataView(output.buffer);
  for (const [i, word] of state.entries()) out.setInt32(4 * i, word, true);
  return output;
}

interface Md4Round {
  readonly mix: (x: number, y: number, z: number) => number;
  readonly constant: number;
  readonly order: readonly number[];
  readonly shifts: readonly number[];
}

/** @see RFC 1320 §3.4 */
const MD4_ROUNDS: readonly Md4Round[] = [
  {
    mix: (x, y, z) => (x & y) | (~x & z),
    constant: 0,
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    shifts: [3, 7, 11, 19],
  },
  {
    mix: (x, y, z) => (x & y) | (x & z) | (y & z),
    constant: 0x5a827999,
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    shifts: [3, 5, 9, 13],
  },
  {
    mix: (x, y, z) => x ^ y ^ z,
    constant: 0x6ed9eba1,
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    shifts: [3, 9, 11, 15],
  },
];

function compressMd4(state: Int32Array, words: readonly number[]): void {
  let [a = 0, b = 0, c = 0, d = 0] = state;
  for (const { mix, constant, order, shifts } of MD4_ROUNDS) {
    for (const [i, word] of order.entries()) {
      const sum = (a + mix(b, c, d) + (words[word] ?? 0) + constant) | 0;
      [a, b, c, d] = [d, rotated(sum, shifts[i % 4] ?? 0), b, c];
    }
  }
  add(state, [a, b, c, d]);
}

const MD5_SHIFTS: readonly (readonly number[])[] = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
];

/** floor(2^32 * abs(sin(i + 1))). @see RFC 1321 §3.4 */
const MD5_SINES: readonly number[] = /* @__PURE__ */ Array.from(
  { length: 64 },
  (_, i) => Math.floor(2 ** 32 * Math.abs(Math.sin(i + 1))) | 0,
);

function compressMd5(state: Int32Array, words: readonly number[]): void {
  let [a = 0, b = 0, c = 0, d = 0] = state;
  for (let i = 0; i < 64; i += 1) {
    const { mixed, word } = md5Step(i, b, c, d);
    const sum = (a + mixed + (words[word] ?? 0) + (MD5_SINES[i] ?? 0)) | 0;
    const shift = MD5_SHIFTS[i >> 4]?.[i % 4] ?? 0;
    [a, b, c, d] = [d, (b + rotated(sum, shift)) | 0, b, c];
  }
  add(state, [a, b, c, d]);
}

function md5Step(i: number, b: number, c: number, d: number): { mixed: number; word: number } {
  switch (i >> 4) {
    case 0:
      return { mixed: (b & c) | (~b & d), word: i };
    case 1:
      return { mixed: (b & d) | (c & ~d), word: (5 * i + 1) % 16 };
    case 2:
      return { mixed: b ^ c ^ d, word: (3 * i + 5) % 16 };
    default:
      return { mixed: c ^ (b | ~d), word: (7 * i) % 16 };
  }
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function add(state: Int32Array, words: readonly number[]): void {
  for (const [i, word] of words.entries()) state[i] = ((state[i] ?? 0) + word) | 0;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
