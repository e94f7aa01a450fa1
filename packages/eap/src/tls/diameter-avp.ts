/** One attribute inside a TTLS tunnel. */
export interface DiameterAvp {
  readonly code: number;
  /** 0 when it has none. */
  readonly vendor: number;
  readonly isMandatory: boolean;
  readonly value: Uint8Array;
}

const VENDOR = 0x80;
const MANDATORY = 0x40;
const MAX_AVPS = 64;

/** Reads a sequence of AVPs; `undefined` when one is cut off, or there are more than 64. Values are views. @see RFC 5281 §10.1 */
export function decodeAvps(bytes: Uint8Array): readonly DiameterAvp[] | undefined {
  const avps: DiameterAvp[] = [];
  for (let at = 0; at < bytes.length; ) {
    const flags = bytes[at + 4] ?? 0;
    const header = flags & VENDOR ? 12 : 8;
    const length = wordAt(bytes, at + 4) & 0xffffff;
    if (length < header || at + length > bytes.length || avps.length === MAX_AVPS) return undefined;
    avps.push({
      code: wordAt(bytes, at),
      vendor: flags & VENDOR ? wordAt(bytes, at + 8) : 0,
      isMandatory: (flags & MANDATORY) !== 0,
      value: bytes.subarray(at + header, at + length),
    });
    // The padding of the last one may be missing.
    at += Math.ceil(length / 4) * 4;
  }
  return avps;
}

/** Writes AVPs, each padded to four bytes. @see RFC 5281 §10.1 */
export function encodeAvps(avps: readonly DiameterAvp[]): Uint8Array {
  const parts = avps.map(({ code, vendor, isMandatory, value }) => {
    const header = vendor === 0 ? 8 : 12;
    const length = header + value.length;
    const flags = (vendor === 0 ? 0 : VENDOR) | (isMandatory ? MANDATORY : 0);
    const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
    bytes.set([...wordBytes(code), flags, ...wordBytes(length).slice(1)]);
    if (vendor !== 0) bytes.set(wordBytes(vendor), 8);
    bytes.set(value, header);
    return bytes;
  });
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function wordAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4);
  return a * 0x1000000 + b * 0x10000 + c * 0x100 + d;
}

function wordBytes(word: number): readonly number[] {
  return [(word >>> 24) & 0xff, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff];
}
