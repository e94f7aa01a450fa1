const BLOCK_BYTES = 16;
/** First byte of the padding of an incomplete block: a one and zeros. */
const PAD = 0x80;
/** The polynomial of doubling in GF(2^128). @see RFC 4493 §2.3 */
const R128 = 0x87;

/** AES in CBC mode with an IV of zeros under one key, of which only the last block of output is kept: 16 bytes.
 * For one block that is the block cipher itself.
 * @param blocks - whole blocks, at least one.
 */
export type AesChain = (blocks: Uint8Array) => Uint8Array;

/** Makes the chain of a key of 16 bytes. */
export type AesChainOf = (key: Uint8Array) => AesChain;

/** A keyed MAC of 16 bytes. */
export type AesMac = (message: Uint8Array) => Uint8Array;

/** AES-XCBC-MAC with all of its 128 bits. @see RFC 3566 §4 */
export function createAesXcbc(chainOf: AesChainOf, key: Uint8Array): AesMac {
  const derive = chainOf(key);
  const constant = (byte: number) => derive(new Uint8Array(BLOCK_BYTES).fill(byte));
  const chain = chainOf(constant(1));
  return createMac(chain, constant(2), constant(3));
}

/** AES-CMAC with all of its 128 bits. @see RFC 4493 §2.4 */
export function createAesCmac(chainOf: AesChainOf, key: Uint8Array): AesMac {
  const chain = chainOf(key);
  const whole = doubled(chain(new Uint8Array(BLOCK_BYTES)));
  return createMac(chain, whole, doubled(whole));
}

/** AES-XCBC or AES-CMAC as a PRF, with keys of any length.
 * @see RFC 4434 §2 (short keys padded, long ones hashed), RFC 4615 §3 (every key that is not 128 bits hashed)
 */
export function createAesPrf(kind: 'xcbc' | 'cmac', chainOf: AesChainOf, key: Uint8Array): AesMac {
  const create = kind === 'xcbc' ? createAesXcbc : createAesCmac;
  if (key.length === BLOCK_BYTES) return create(chainOf, key);
  const fitted =
    kind === 'xcbc' && key.length < BLOCK_BYTES
      ? zeroPadded(key)
      : create(chainOf, new Uint8Array(BLOCK_BYTES))(key);
  const mac = create(chainOf, fitted);
  fitted.fill(0);
  return mac;
}

/** What both have in common: the last block is masked with one secret when it is whole, else padded and masked with another. */
function createMac(chain: AesChain, whole: Uint8Array, padded: Uint8Array): AesMac {
  return (message) => {
    const blocks = Math.max(1, Math.ceil(message.length / BLOCK_BYTES));
    const text = new Uint8Array(blocks * BLOCK_BYTES);
    text.set(message);
    const isWhole = message.length === text.length;
    if (!isWhole) text[message.length] = PAD;
    const mask = isWhole ? whole : padded;
    const last = text.length - BLOCK_BYTES;
    for (let i = 0; i < BLOCK_BYTES; i += 1) {
      text[last + i] = (text[last + i] ?? 0) ^ (mask[i] ?? 0);
    }
    return chain(text);
  };
}

/** Multiplication by x, without a branch on the secret. */
function doubled(block: Uint8Array): Uint8Array {
  const result = new Uint8Array(BLOCK_BYTES);
  for (let i = 0; i < BLOCK_BYTES; i += 1) {
    result[i] = ((block[i] ?? 0) << 1) | ((block[i + 1] ?? 0) >>> 7);
  }
  const last = BLOCK_BYTES - 1;
  result[last] = (result[last] ?? 0) ^ (R128 & -((block[0] ?? 0) >>> 7));
  return result;
}

function zeroPadded(key: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  bytes.set(key);
  return bytes;
}
