import type { PpkIdType } from '../config.ts';

const OPAQUE = 1;
const FIXED = 2;
/** Longer names are nobody's. */
const MAX_BYTES = 1_024;

/** PPK_ID as PPK_IDENTITY carries it: the type, and the name behind it. @see RFC 8784 §5.1 */
export function encodePpkId(type: PpkIdType, id: Uint8Array): Uint8Array {
  return Uint8Array.of(type === 'fixed' ? FIXED : OPAQUE, ...id);
}

/** The name in a PPK_ID of either type: what a name of the opaque type means is for both ends to agree on, and here it is looked up
 * as a fixed one is. @returns `undefined` for another type, and for no name. @see RFC 8784 §5.1
 */
export function decodePpkId(data: Uint8Array): Uint8Array | undefined {
  const [type] = data;
  if (type !== FIXED && type !== OPAQUE) return undefined;
  return data.length > 1 && data.length <= MAX_BYTES ? data.slice(1) : undefined;
}
