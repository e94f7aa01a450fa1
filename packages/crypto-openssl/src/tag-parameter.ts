import type { Evp } from './evp.ts';

/** The one OSSL_PARAM that is used, and the empty one that ends the list. @see OpenSSL, OSSL_PARAM(3) */
const PARAMETER_BYTES = 40;
const TYPE_AT = 8;
const DATA_AT = 16;
const DATA_BYTES_AT = 24;
const NAME_AT: number = 2 * PARAMETER_BYTES;
const TOTAL_BYTES: number = NAME_AT + 8;
const OSSL_PARAM_OCTET_STRING = 5;
const TAG = [0x74, 0x61, 0x67, 0];
const TWO_TO_32 = 0x1_0000_0000;

/** A list of parameters that names where the ICV of the packet at hand lies, so that OpenSSL reads it together with the
 * nonce, or writes it without looking a command up: a call less for each packet. Pointers have 64 bits, low half first.
 */
export interface TagParameter {
  /** Of the list. */
  readonly address: number;
  /** Names the place of the next ICV. */
  pointTo(icvAddress: number): void;
}

/** Lays the list out once, for ICVs of `icvBytes`. */
export function createTagParameter(evp: Evp, icvBytes: number): TagParameter {
  const words = new Uint32Array(TOTAL_BYTES / 4);
  const bytes = new Uint8Array(words.buffer);
  const address = evp.addressOf(bytes);
  const writePointer = (at: number, value: number): void => {
    words[at / 4] = value % TWO_TO_32;
    words[at / 4 + 1] = Math.floor(value / TWO_TO_32);
  };
  bytes.set(TAG, NAME_AT);
  writePointer(0, address + NAME_AT);
  words[TYPE_AT / 4] = OSSL_PARAM_OCTET_STRING;
  words[DATA_BYTES_AT / 4] = icvBytes;
  return { address, pointTo: (icvAddress) => writePointer(DATA_AT, icvAddress) };
}
