import type { Instant } from '@ipsec-kit/clock';
import type { Datagram } from './datagram.ts';

/** Which way a datagram passes a middlebox: away from the host that it stands in front of, or towards it. */
export type Direction = 'outward' | 'inward';

/** A datagram that leaves a middlebox, possibly rewritten, and how long it stays in there. */
export interface Passage {
  readonly datagram: Datagram;
  readonly delayMs: number;
}

/** Something that datagrams pass between a host and the core of the network: a link, a fault, a device that dozes.
 * Each host has a chain of them, which its datagrams pass from the inside out, and those to it from the outside in.
 */
export interface Middlebox {
  /** For traces: `link`, `fault`. */
  readonly name: string;
  /** Called when the datagram arrives at the box, in order of time.
   * @returns what leaves the box: nothing when it is lost here, several when it is duplicated.
   */
  pass(datagram: Datagram, direction: Direction, now: Instant): readonly Passage[];
}
