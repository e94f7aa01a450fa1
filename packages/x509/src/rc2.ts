/** Deciphers RC2 in CBC mode, as old PKCS #12 files have their certificates under: no secret was ever safe in that, so that it is
 * for reading alone.
 * @param key - its length is that of the effective key. @param iv - 8 bytes. @param data - whole blocks of 8.
 * @returns the text with its padding. @see RFC 2268
 */
export function decipherRc2(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const words = expand(key);
  const text = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at += BLOCK) {
    const block = decipherBlock(words, data.subarray(at, at + BLOCK));
    const previous = at === 0 ? iv : data.subarray(at - BLOCK, at);
    for (const [i, byte] of block.entries()) text[at + i] = byte ^ (previous[i] ?? 0);
  }
  return text;
}

const BLOCK = 8;
/** A permutation of all bytes, from the digits of pi. @see RFC 2268 §2 */
const PI_TABLE: Uint8Array = /* @__PURE__ */ Uint8Array.from(
  (
    'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2' +
    '179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82' +
    '54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626' +
    '6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7' +
    '08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec' +
    'c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731' +
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9' +
    '0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad'
  ).match(/../g) ?? [],
  (digits) => Number.parseInt(digits, 16),
);
const EXPANDED_BYTES = 128;
/** How far each word is rotated in a mixing round. */
const ROTATIONS = [1, 2, 3, 5] as const;
/** Mixing rounds, the last first, after which a mashing round follows. */
const MASH_BEFORE: readonly number[] = [10, 4];

/** @see RFC 2268 §2 */
function expand(key: Uint8Array): readonly number[] {
  const bytes = new Uint8Array(EXPANDED_BYTES);
  const pi = (index: number): number => PI_TABLE[index & 0xff] ?? 0;
  const at = (index: number): number => bytes[index] ?? 0;
  bytes.set(key);
  for (let i = key.length; i < EXPANDED_BYTES; i += 1) {
    bytes[i] = pi(at(i - 1) + at(i - key.length));
  }
  const effective = EXPANDED_BYTES - key.length;
  bytes[effective] = pi(at(effective));
  for (let i = effective - 1; i >= 0; i -= 1) bytes[i] = pi(at(i + 1) ^ at(i + key.length));
  return Array.from({ length: EXPANDED_BYTES / 2 }, (_, i) => at(2 * i) | (at(2 * i + 1) << 8));
}

/** @see RFC 2268 §4 */
function decipherBlock(key: readonly number[], block: Uint8Array): Uint8Array {
  const words = [0, 2, 4, 6].map((i) => (block[i] ?? 0) | ((block[i + 1] ?? 0) << 8));
  const word = (i: number): number => words[i & 3] ?? 0;
  for (let round = 15; round >= 0; round -= 1) {
    for (let i = 3; i >= 0; i -= 1) {
      const turn = ROTATIONS[i] ?? 0;
      const turned = (word(i) >>> turn) | (word(i) << (16 - turn));
      const mixed = (word(i - 1) & word(i - 2)) + (~word(i - 1) & word(i - 3));
      words[i] = (turned - (key[4 * round + i] ?? 0) - mixed) & 0xffff;
    }
    if (!MASH_BEFORE.includes(round - 1)) continue;
    for (let i = 3; i >= 0; i -= 1) {
      words[i] = (word(i) - (key[word(i - 1) & 63] ?? 0)) & 0xffff;
    }
  }
  return Uint8Array.from(words.flatMap((one) => [one & 0xff, one >> 8]));
}
