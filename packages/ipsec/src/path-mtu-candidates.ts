/** A search ends when what comes through and what does not are this close: less than padding costs anyway. */
export const SEARCH_STEP_BYTES = 8;

/** Sizes that paths have: IPv6's least, tunnels of all kinds, PPPoE, Ethernet, FDDI, jumbo frames. */
const COMMON_BYTES: readonly number[] = [
  576, 1024, 1280, 1340, 1372, 1400, 1420, 1440, 1452, 1472, 1480, 1492, 1500, 4352, 9000,
];

/** What is known of a path: what has come through, and what has not. */
export interface SearchRange {
  /** Comes through, or is taken for granted. */
  readonly lowBytes: number;
  /** Does not; above the largest one while nothing has failed. */
  readonly highBytes: number;
  /** The largest one that may be tried. */
  readonly mostBytes: number;
}

/** Whether nothing is left to be tried. */
export function isSearchOver({ lowBytes, highBytes, mostBytes }: SearchRange): boolean {
  return lowBytes >= mostBytes || highBytes - lowBytes <= SEARCH_STEP_BYTES;
}

/** The size to be tried next: what was hinted at, the largest one while nothing has failed, the middle one of the sizes
 * that paths commonly have, and then plain bisection.
 * @param hintBytes - is tried first when it lies in between. @see RFC 8899 §5.3
 */
export function nextCandidate(range: SearchRange, hintBytes: number | undefined): number {
  const { lowBytes, highBytes, mostBytes } = range;
  const isOpen = (bytes: number): boolean => bytes > lowBytes && bytes < highBytes;
  if (hintBytes !== undefined && isOpen(hintBytes) && hintBytes <= mostBytes) return hintBytes;
  if (highBytes > mostBytes) return mostBytes;
  const common = COMMON_BYTES.filter(isOpen);
  return common[common.length >> 1] ?? (lowBytes + highBytes) >> 1;
}
