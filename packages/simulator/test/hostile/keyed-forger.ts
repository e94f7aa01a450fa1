import type { PacketCipher } from '@ipsec-kit/crypto';
import type { SessionEvent } from '@ipsec-kit/ikev2';
import {
  decodeMessage,
  decodePayloads,
  encodePayloads,
  encryptedRegions,
  frameEncrypted,
  type IkeHeader,
  NotifyType,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import { crypto } from '../simulation/establishments.ts';

export type Keys = Extract<SessionEvent, { readonly kind: 'ike-sa-keyed' }>;

const MARKER_BYTES = 4;

/** A message of the initiator, or of the responder, with other payloads inside, as only one of the two could make it. @see RFC 7296 §3.14 */
export function resealed(
  keys: Keys,
  datagram: Uint8Array,
  change: (payloads: readonly Payload[]) => readonly Payload[],
): Uint8Array {
  const { header, payloads, iv } = unsealed(keys, datagram);
  return sealed(keys, header, change(payloads), iv);
}

/** What is inside a message of either side. */
export function unsealed(
  keyed: Keys,
  datagram: Uint8Array,
): { readonly header: IkeHeader; readonly payloads: readonly Payload[]; readonly iv: Uint8Array } {
  const data = datagram.subarray(MARKER_BYTES);
  const message = decodeMessage(data);
  const payload = message.ok ? message.value.payloads.at(-1) : undefined;
  if (!message.ok || payload?.type !== 'SK') throw new Error('not a whole encrypted message');
  const { header } = message.value;
  const cipher = cipherOf(keyed, header);
  const regions = encryptedRegions(data, payload, cipher);
  if (!regions.ok) throw new Error('not a message of this suite');
  const { aadBytes, ivOffset, textOffset, textBytes } = regions.value;
  const copy = data.slice();
  if (!cipher.open(copy, 0, aadBytes, ivOffset, textOffset, textBytes)) throw new Error('bad ICV');
  const padBytes = (copy[textOffset + textBytes - 1] ?? 0) + 1;
  const inner = decodePayloads(
    payload.firstPayload,
    copy.subarray(textOffset, textOffset + textBytes - padBytes),
  );
  if (!inner.ok) throw new Error(inner.error.detail);
  return { header, payloads: inner.value, iv: copy.slice(ivOffset, textOffset) };
}

/** A message as one of the two sides makes it. @param iv - of the length that the suite has, or longer. */
export function sealed(
  keyed: Keys,
  header: IkeHeader,
  payloads: readonly Payload[],
  iv: Uint8Array,
): Uint8Array {
  const cipher = cipherOf(keyed, header);
  const { firstPayload, bytes } = encodePayloads(payloads);
  const newTextBytes = Math.ceil((bytes.length + 1) / cipher.blockBytes) * cipher.blockBytes;
  const { ivBytes, icvBytes } = cipher;
  const frame = frameEncrypted(
    header,
    { type: 'SK', firstPayload },
    { ivBytes, textBytes: newTextBytes, icvBytes },
  );
  frame.datagram.set(iv.subarray(0, ivBytes), frame.ivOffset);
  frame.datagram.set(bytes, frame.textOffset);
  frame.datagram[frame.textOffset + newTextBytes - 1] = newTextBytes - bytes.length - 1;
  cipher.seal(frame.datagram, 0, frame.aadBytes, frame.ivOffset, frame.textOffset, newTextBytes);
  return Uint8Array.from([0, 0, 0, 0, ...frame.datagram]);
}

function cipherOf({ suite, keys }: Keys, { isInitiator }: IkeHeader): PacketCipher {
  return crypto.createCipher(suite, {
    encryption: isInitiator ? keys.skEi : keys.skEr,
    integrity: isInitiator ? keys.skAi : keys.skAr,
  });
}

/** The payloads with another value in COOKIE2. */
export function withWrongCookie2(payloads: readonly Payload[]): readonly Payload[] {
  return payloads.map((payload) =>
    payload.type === 'N' && payload.notify === NotifyType.COOKIE2
      ? { ...payload, data: payload.data.map((byte) => byte ^ 1) }
      : payload,
  );
}
