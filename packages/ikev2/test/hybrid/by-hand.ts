import { createDecipheriv, createHmac } from 'node:crypto';

/** What the tests compute once more from the formulas of the RFCs, with nothing but node:crypto: HMAC-SHA256 and AES-CBC-256. */
export interface HandKeys {
  readonly skD: Buffer;
  readonly skAi: Buffer;
  readonly skAr: Buffer;
  readonly skEi: Buffer;
  readonly skEr: Buffer;
  readonly skPi: Buffer;
  readonly skPr: Buffer;
}

export function hmac(key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** prf+ @see RFC 7296 §2.13 */
export function stream(key: Uint8Array, seed: Uint8Array, bytes: number): Buffer {
  let block: Buffer = Buffer.alloc(0);
  let all: Buffer = Buffer.alloc(0);
  for (let n = 1; all.length < bytes; n += 1) {
    block = hmac(key, block, seed, Uint8Array.of(n));
    all = Buffer.concat([all, block]);
  }
  return all.subarray(0, bytes);
}

/** {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr}, all of 32 bytes. @see RFC 7296 §2.14 */
export function keysOf(seed: Uint8Array, nonces: Uint8Array, spis: Uint8Array): HandKeys {
  const all = stream(seed, Buffer.concat([nonces, spis]), 7 * 32);
  const at = (index: number): Buffer => all.subarray(index * 32, index * 32 + 32);
  return {
    ...{ skD: at(0), skAi: at(1), skAr: at(2), skEi: at(3), skEr: at(4), skPi: at(5), skPr: at(6) },
  };
}

/** The payloads of a message, each with its type and body. */
export function payloadsOf(first: number, bytes: Uint8Array): { type: number; body: Buffer }[] {
  const found: { type: number; body: Buffer }[] = [];
  const all = Buffer.from(bytes);
  for (let type = first, at = 0; type !== 0 && at < all.length; ) {
    const length = all.readUInt16BE(at + 2);
    found.push({ type, body: all.subarray(at + 4, at + length) });
    type = all[at] ?? 0;
    at += length;
  }
  return found;
}

/** One IKE message put together and decrypted from its datagrams: each ICV is checked.
 * @returns its header, the type of the first payload inside, and all that is inside.
 */
export function decrypt(
  datagrams: readonly Uint8Array[],
  key: Uint8Array,
  macKey: Uint8Array,
): { readonly header: Buffer; readonly first: number; readonly inside: Buffer } {
  const parts = datagrams.map((datagram) => {
    const data = Buffer.from(datagram);
    const isFragment = data[16] === 53;
    const ivAt = 28 + (isFragment ? 8 : 4);
    const icvAt = data.length - 16;
    const icv = hmac(macKey, data.subarray(0, icvAt)).subarray(0, 16);
    if (!icv.equals(data.subarray(icvAt))) throw new Error('the ICV is not that of these keys');
    const iv = data.subarray(ivAt, ivAt + 16);
    const cipher = createDecipheriv('aes-256-cbc', key, iv).setAutoPadding(false);
    const text = Buffer.concat([cipher.update(data.subarray(ivAt + 16, icvAt)), cipher.final()]);
    const inside = text.subarray(0, text.length - 1 - (text.at(-1) ?? 0));
    const number = isFragment ? data.readUInt16BE(32) : 1;
    return { data, inside, number, first: data[28] ?? 0 };
  });
  parts.sort((a, b) => a.number - b.number);
  const [one] = parts;
  if (!one) throw new Error('no datagrams');
  const inside = Buffer.concat(parts.map((part) => part.inside));
  return { header: one.data.subarray(0, 28), first: one.first, inside };
}

/** A message as RFC 9242 §3.3.2 authenticates it. */
export function authenticated({ header, first, inside }: ReturnType<typeof decrypt>): Buffer {
  const a = Buffer.from(header);
  a[16] = 46;
  a.writeUInt32BE(28 + 4 + inside.length, 24);
  const generic = Buffer.alloc(4);
  generic[0] = first;
  generic.writeUInt16BE(4 + inside.length, 2);
  return Buffer.concat([a, generic, inside]);
}
