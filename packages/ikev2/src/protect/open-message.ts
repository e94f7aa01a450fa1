import type { PacketCipher } from '@ipsec-kit/crypto';
import {
  type EncryptedFragmentPayload,
  type EncryptedPayload,
  encryptedRegions,
} from '@ipsec-kit/ikev2-codec';

/** What an SK or SKF payload held, or why it was not opened. */
export type OpenedPayload =
  | { readonly ok: true; readonly content: Uint8Array }
  | { readonly ok: false; readonly code: 'bad-length' | 'bad-icv' | 'bad-padding' };

/** Verifies and decrypts the SK or SKF payload of a datagram; the datagram stays as it is.
 * @param datagram - the whole message, from the IKE header on.
 * @param payload - its last payload, whose `body` is a view into `datagram`.
 * @returns the bytes of the payloads inside, without padding.
 * @see RFC 7296 §3.14, RFC 5282 §3
 */
export function openPayload(
  cipher: PacketCipher,
  datagram: Uint8Array,
  payload: EncryptedPayload | EncryptedFragmentPayload,
): OpenedPayload {
  const regions = encryptedRegions(datagram, payload, cipher);
  if (!regions.ok) return { ok: false, code: 'bad-length' };
  const { aadBytes, ivOffset, textOffset, textBytes } = regions.value;
  if (textBytes % cipher.blockBytes !== 0) return { ok: false, code: 'bad-length' };
  const copy = datagram.slice();
  if (!cipher.open(copy, 0, aadBytes, ivOffset, textOffset, textBytes)) {
    return { ok: false, code: 'bad-icv' };
  }
  const padBytes = copy[textOffset + textBytes - 1] ?? 0;
  // RFC 7296 §3.14: the recipient MUST accept any pad length that fits.
  if (padBytes + 1 > textBytes) return { ok: false, code: 'bad-padding' };
  return { ok: true, content: copy.subarray(textOffset, textOffset + textBytes - 1 - padBytes) };
}
