import type { Evp } from './evp.ts';

/** One OSSL_PARAM. @see OpenSSL, OSSL_PARAM(3) */
const PARAMETER_BYTES = 40;
const TYPE_AT = 8;
const DATA_AT = 16;
const DATA_BYTES_AT = 24;
const NAME_BYTES = 16;
const OSSL_PARAM_OCTET_STRING = 5;
const TWO_TO_32 = 0x1_0000_0000;

/** A place that a list names: a nonce, an ICV. */
export interface Parameter {
  /** OpenSSL's name for what lies there, at most 15 letters of ASCII. */
  readonly name: string;
  readonly sizeBytes: number;
}

/** A list of parameters that names where things of the packet at hand lie, so that OpenSSL reads or writes several of
 * them in one call, without looking a command up. Pointers have 64 bits, low half first.
 */
export interface ParameterList {
  /** Of the list. */
  readonly address: number;
  /** Names the place of the parameter at `index` from now on. */
  pointTo(index: number, address: number): void;
}

/** Lays a list out once. */
export function createParameterList(evp: Evp, parameters: readonly Parameter[]): ParameterList {
  // The empty one ends the list.
  const namesAt = (parameters.length + 1) * PARAMETER_BYTES;
  const words = new Uint32Array((namesAt + parameters.length * NAME_BYTES) / 4);
  const bytes = new Uint8Array(words.buffer);
  const address = evp.addressOf(bytes);
  // An Uint32Array takes numbers modulo 2^32, which is the low half.
  const writePointer = (at: number, value: number): void => {
    words[at >>> 2] = value;
    words[(at >>> 2) + 1] = value / TWO_TO_32;
  };
  for (const [index, { name, sizeBytes }] of parameters.entries()) {
    const at = index * PARAMETER_BYTES;
    const nameAt = namesAt + index * NAME_BYTES;
    for (let i = 0; i < name.length; i += 1) bytes[nameAt + i] = name.charCodeAt(i);
    writePointer(at, address + nameAt);
    words[(at + TYPE_AT) >>> 2] = OSSL_PARAM_OCTET_STRING;
    words[(at + DATA_BYTES_AT) >>> 2] = sizeBytes;
  }
  return {
    address,
    pointTo: (index, to) => writePointer(index * PARAMETER_BYTES + DATA_AT, to),
  };
}
