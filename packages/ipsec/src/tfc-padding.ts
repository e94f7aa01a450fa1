/** What inner packets are padded to, so that their lengths say less. Only in tunnel mode, where the inner header tells the
 * receiver what is padding, and never beyond the inner MTU, so that no packet is lost for it.
 * @see RFC 4303 §2.7
 */
export interface TfcPadding {
  /** Every packet has at least this many bytes. Default 0; a number above the inner MTU stands for that. */
  readonly minimumBytes?: number;
  /** And a multiple of this many bytes, or as many as the inner MTU. Default 1. */
  readonly multipleBytes?: number;
}

const MOST_BYTES = 65535;

/** @throws when a number is out of range, or there is nothing to do. */
export function requireTfcPadding(padding: TfcPadding): Required<TfcPadding> {
  const { minimumBytes = 0, multipleBytes = 1 } = padding;
  for (const [name, bytes, least] of [
    ['minimumBytes', minimumBytes, 0],
    ['multipleBytes', multipleBytes, 1],
  ] as const) {
    if (!Number.isInteger(bytes) || bytes < least || bytes > MOST_BYTES) {
      throw new RangeError(`"tfcPadding.${name}" expected ${least} to ${MOST_BYTES}, got ${bytes}`);
    }
  }
  return { minimumBytes, multipleBytes };
}

/** The length that an inner packet is padded to.
 * @param innerMtu - never exceeded by padding; a packet that is larger anyway stays as it is.
 */
export function tfcPaddedLength(
  { minimumBytes, multipleBytes }: Required<TfcPadding>,
  length: number,
  innerMtu: number,
): number {
  const least = Math.max(length, minimumBytes);
  const whole = Math.ceil(least / multipleBytes) * multipleBytes;
  return Math.max(Math.min(whole, innerMtu), length);
}
