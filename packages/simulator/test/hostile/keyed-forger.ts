import type { SessionEvent } from '@ipsec-kit/ikev2';
import {
  decodeMessage,
  decodePayloads,
  encodePayloads,
  encryptedRegions,
  frameEncrypted,
  NotifyType,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import { crypto } from '../simulation/establishments.ts';

export type Keys = Extract<SessionEvent, { readonly kind: 'ike-sa-keyed' }>;

const MARKER_BYTES = 4;

/** A message of the initiator, or of the responder, with other payloads inside, as only one of the two could make it. @see RFC 7296 §3.14 */
export function resealed(
  { suite, keys }: Keys,
  datagram: Uint8Array,
  change: (payloads: readonly Payload[]) => readonly Payload[],
): Uint8Array {
  const data = datagram.subarray(MARKER_BYTES);
  const message = decodeMessage(data);
  const payload = message.ok ? message.value.payloads.at(-1) : undefined;
  if (!message.ok || payload?.type !== 'SK') throw new Error('not a whole encrypted message');
  const { header } = message.value;
  const cipher = crypto.createCipher(suite, {
    encryption: header.isInitiator ? keys.skEi : keys.skEr,
    integrity: header.isInitiator ? keys.skAi : keys.skAr,
  });
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
  const { firstPayload, bytes } = encodePayloads(change(inner.value));
  const newTextBytes = Math.ceil((bytes.length + 1) / cipher.blockBytes) * cipher.blockBytes;
  const { ivBytes, icvBytes } = cipher;
  const frame = frameEncrypted(
    header,
    { type: 'SK', firstPayload },
    { ivBytes, textBytes: newTextBytes, icvBytes },
  );
  frame.datagram.set(copy.subarray(ivOffset, textOffset), frame.ivOffset);
  frame.datagram.set(bytes, frame.textOffset);
  frame.datagram[frame.textOffset + newTextBytes - 1] = newTextBytes - bytes.length - 1;
  cipher.seal(frame.datagram, 0, frame.aadBytes, frame.ivOffset, frame.textOffset, newTextBytes);
  return Uint8Array.from([0, 0, 0, 0, ...frame.datagram]);
}

/** The payloads with another value in COOKIE2. */
export function withWrongCookie2(payloads: readonly Payload[]): readonly Payload[] {
  return payloads.map((payload) =>
    payload.type === 'N' && payload.notify === NotifyType.COOKIE2
      ? { ...payload, data: payload.data.map((byte) => byte ^ 1) }
      : payload,
  );
}
