import type { PacketCipher, RandomSource } from '@ipsec-kit/crypto';
import {
  type EncryptedFrame,
  encodePayloads,
  encryptedOverheadBytes,
  frameEncrypted,
  type IkeHeader,
  type Payload,
} from '@ipsec-kit/ikev2-codec';

/** The sending half of an IKE SA's protection. */
export interface MessageSealer {
  readonly cipher: PacketCipher;
  /** Messages sealed so far: the IV of ciphers that take a counter. Advances with every seal. */
  sealed: bigint;
}

const PAD_LENGTH_BYTES = 1;
/** Most bytes that Pad Length can count. @see RFC 7296 §3.14 */
const MOST_PADDING = 255;

/** How large a message may and should be. */
export interface MessageSize {
  /** Largest datagram; `undefined` never fragments. */
  readonly maxBytes?: number | undefined;
  /** A whole message is padded to about this size, as far as padding goes; default as short as it can be. */
  readonly leastBytes?: number | undefined;
}
/** Total Fragments has 16 bits. @see RFC 7383 §2.5 */
const MAX_FRAGMENTS = 0xffff;

/** Seals a message: one datagram with an SK payload, or one per fragment with SKF payloads.
 * @returns the datagrams, from the IKE header on, in order.
 * @see RFC 7296 §3.14, RFC 5282 §3 (AEADs), RFC 7383 §2.5
 */
export function sealMessage(
  sealer: MessageSealer,
  random: RandomSource,
  header: IkeHeader,
  payloads: readonly Payload[],
  { maxBytes, leastBytes = 0 }: MessageSize = {},
): readonly Uint8Array[] {
  const { firstPayload, bytes } = encodePayloads(payloads);
  const whole =
    encryptedOverheadBytes('SK', sealer.cipher) + paddedBytes(sealer.cipher, bytes.length);
  if (maxBytes === undefined || whole <= maxBytes) {
    const wantedBytes = Math.min(leastBytes, maxBytes ?? leastBytes) - whole;
    const padding = blocksWithin(sealer.cipher, wantedBytes, bytes.length);
    return [sealOne(sealer, random, header, { type: 'SK', firstPayload }, bytes, padding)];
  }
  const chunkBytes = fragmentContentBytes(sealer.cipher, maxBytes);
  const totalFragments = Math.ceil(bytes.length / chunkBytes);
  if (totalFragments > MAX_FRAGMENTS)
    throw new Error(`message of ${bytes.length} bytes is too long`);
  const datagrams: Uint8Array[] = [];
  for (let number = 1; number <= totalFragments; number += 1) {
    const chunk = bytes.subarray((number - 1) * chunkBytes, number * chunkBytes);
    datagrams.push(
      sealOne(
        sealer,
        random,
        header,
        {
          type: 'SKF',
          // RFC 7383 §2.5: the type of the first payload stands in the first fragment only.
          firstPayload: number === 1 ? firstPayload : 0,
          fragmentNumber: number,
          totalFragments,
        },
        chunk,
      ),
    );
  }
  return datagrams;
}

function paddedBytes(cipher: PacketCipher, contentBytes: number): number {
  const blocks = Math.ceil((contentBytes + PAD_LENGTH_BYTES) / cipher.blockBytes);
  return blocks * cipher.blockBytes;
}

/** Whole blocks of padding beside the least, up to `wantedBytes`. */
function blocksWithin(cipher: PacketCipher, wantedBytes: number, contentBytes: number): number {
  const least = paddedBytes(cipher, contentBytes) - contentBytes - PAD_LENGTH_BYTES;
  const room = Math.min(Math.max(0, wantedBytes), MOST_PADDING - least);
  return Math.floor(room / cipher.blockBytes) * cipher.blockBytes;
}

/** Most bytes of payloads in one fragment of at most `maxBytes`; at least one block, so that progress is made. */
function fragmentContentBytes(cipher: PacketCipher, maxBytes: number): number {
  const room = maxBytes - encryptedOverheadBytes('SKF', cipher);
  const text = Math.floor(room / cipher.blockBytes) * cipher.blockBytes;
  return Math.max(text - PAD_LENGTH_BYTES, Math.max(cipher.blockBytes, 16) - PAD_LENGTH_BYTES);
}

function sealOne(
  sealer: MessageSealer,
  random: RandomSource,
  header: IkeHeader,
  payload: EncryptedFrame,
  content: Uint8Array,
  furtherPadding = 0,
): Uint8Array {
  const { cipher } = sealer;
  const textBytes = paddedBytes(cipher, content.length) + furtherPadding;
  const { datagram, aadBytes, ivOffset, textOffset } = frameEncrypted(header, payload, {
    ivBytes: cipher.ivBytes,
    textBytes,
    icvBytes: cipher.icvBytes,
  });
  writeIv(sealer, random, datagram.subarray(ivOffset, ivOffset + cipher.ivBytes));
  datagram.set(content, textOffset);
  // RFC 7296 §3.14: the least padding (SHOULD) unless size is what it is for, its bytes of any value, its length last.
  datagram[textOffset + textBytes - 1] = textBytes - content.length - PAD_LENGTH_BYTES;
  // Everything in front of the IV is authenticated: the IKE header, and the header of the SK or SKF payload
  // (RFC 5282 §5.1). A cipher with HMAC covers the IV as well, since it lies between.
  cipher.seal(datagram, 0, aadBytes, ivOffset, textOffset, textBytes);
  return datagram;
}

function writeIv(sealer: MessageSealer, random: RandomSource, iv: Uint8Array): void {
  sealer.sealed += 1n;
  if (sealer.cipher.iv === 'random') {
    random.fill(iv);
    return;
  }
  new DataView(iv.buffer, iv.byteOffset, iv.length).setBigUint64(iv.length - 8, sealer.sealed);
}
