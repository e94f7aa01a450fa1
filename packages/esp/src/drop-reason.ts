/** Why a packet was not sealed or opened; negative, so that it shares a return value with a length. */
export const EspDrop = {
  /** Shorter than a header, IV, one block and ICV, not a multiple of the block, or for another SPI. */
  malformed: -1,
  /** Below the replay window or seen before. @see RFC 4303 §3.4.3 */
  replayed: -2,
  /** The ICV does not match. */
  'bad-icv': -3,
  /** Pad length or padding bytes are wrong. */
  'bad-padding': -4,
  /** The sequence number would wrap. @see RFC 4303 §3.3.3 */
  'sequence-exhausted': -5,
  /** The hard limit in bytes or packets is reached. */
  'lifetime-over': -6,
  /** The memory has no room for header, trailer and ICV. */
  'no-room': -7,
} as const;

export type EspDropReason = keyof typeof EspDrop;

const reasons: ReadonlyMap<number, EspDropReason> = new Map(
  (Object.keys(EspDrop) as EspDropReason[]).map((reason) => [EspDrop[reason], reason]),
);

/** The reason of a negative result of `seal` or `open`.
 * @throws when `code` is not one of {@link EspDrop}.
 */
export function espDropReason(code: number): EspDropReason {
  const reason = reasons.get(code);
  if (!reason) throw new RangeError(`"code" expected an EspDrop code, got ${code}`);
  return reason;
}
