import { KeyMaterial } from '@ipsec-kit/crypto';
import type { Ppk, PpkConfig } from '../../src/index.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const PPK_TEXT = 'thirty-two bytes that nobody else';

/** A post-quantum pre-shared key of a name. */
export function ppk(name: string, key: string = PPK_TEXT): Ppk {
  return { id: bytes(name), key: new KeyMaterial(bytes(key)) };
}

/** What an initiator has that names `carol`. */
export function offers(more: Partial<PpkConfig> & { key?: string } = {}): {
  ppk: PpkConfig;
} {
  const { key, ...rest } = more;
  const own = { ...ppk('carol', key), idType: 'fixed' as const };
  return { ppk: { required: false, own, keys: [own], ...rest } };
}

/** What a responder has that knows these names. */
export function knows(
  names: readonly string[],
  more: Partial<PpkConfig> & { key?: string } = {},
): { ppk: PpkConfig } {
  const { key, ...rest } = more;
  return { ppk: { required: false, keys: names.map((name) => ppk(name, key)), ...rest } };
}
