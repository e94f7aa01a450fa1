/** The last message id there is: behind it the IKE SA must be closed or rekeyed. @see RFC 7296 §2.2 */
export const MAX_MESSAGE_ID = 0xffff_ffff;

/** The largest window that this package keeps, whatever a peer announces. */
export const MAX_WINDOW_SIZE = 64;

/** @throws RangeError when `messageId` is not an unsigned 32-bit number. */
export function requireMessageId(name: string, messageId: number): number {
  if (!Number.isInteger(messageId) || messageId < 0 || messageId > MAX_MESSAGE_ID) {
    throw new RangeError(`"${name}" expected a message id from 0 to 2^32-1, got ${messageId}`);
  }
  return messageId;
}

/** @throws RangeError when `size` is not a window that this package can keep. */
export function requireWindowSize(size: number): number {
  if (!Number.isInteger(size) || size < 1 || size > MAX_WINDOW_SIZE) {
    throw new RangeError(`"windowSize" expected 1 to ${MAX_WINDOW_SIZE}, got ${size}`);
  }
  return size;
}

/** Copies the datagrams of one message: what is sent again must be what was sent, even when the caller reuses its buffers.
 * @throws RangeError when there is none.
 */
export function copyDatagrams(datagrams: readonly Uint8Array[]): readonly Uint8Array[] {
  if (datagrams.length === 0) throw new RangeError('"datagrams" expected at least one, got none');
  return datagrams.map((datagram) => datagram.slice());
}
