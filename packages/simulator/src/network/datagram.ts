import type { Endpoint } from '@ipsec-kit/ip';

/** A UDP datagram on its way. */
export interface Datagram {
  /** Counts what was sent in one network, from 0; copies keep the number of their original. */
  readonly index: number;
  readonly from: Endpoint;
  readonly to: Endpoint;
  /** What UDP carries; not to be modified. */
  readonly data: Uint8Array;
}
