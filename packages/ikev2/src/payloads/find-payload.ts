import { isErrorNotify, type NotifyPayload, type Payload } from '@ipsec-kit/ikev2-codec';

/** The payload of a type; identification payloads of both kinds share one interface. */
export type PayloadOf<Type extends Payload['type'], P extends Payload = Payload> = P extends Payload
  ? Type extends P['type']
    ? P & { readonly type: Type }
    : never
  : never;

/** The first payload of a type, or `undefined`. */
export function findPayload<Type extends Payload['type']>(
  payloads: readonly Payload[],
  type: Type,
): PayloadOf<Type> | undefined {
  return payloads.find((payload): payload is PayloadOf<Type> => payload.type === type);
}

/** The first notification that reports an error, known or not. @see RFC 7296 §3.10.1 */
export function findErrorNotify(payloads: readonly Payload[]): NotifyPayload | undefined {
  return payloads.find(
    (payload): payload is NotifyPayload => payload.type === 'N' && isErrorNotify(payload.notify),
  );
}

/** All notifications, in order. */
export function notifiesOf(payloads: readonly Payload[]): NotifyPayload[] {
  return payloads.filter((payload) => payload.type === 'N');
}

/** The nonce of a message, copied; `undefined` when there is none of 16 to 256 bytes. @see RFC 7296 §2.10 */
export function readNonce(payloads: readonly Payload[]): Uint8Array | undefined {
  const nonce = findPayload(payloads, 'Nonce')?.data;
  return nonce && nonce.length >= 16 && nonce.length <= 256 ? nonce.slice() : undefined;
}
