import type { Instant } from '@ipsec-kit/clock';
import type { IkeSa } from './ike-sa.ts';

/** An IKE SA that another has replaced, or that lost against another, until its DELETE is over. */
export interface ReplacedIkeSa {
  readonly sa: IkeSa;
  /** `asked`: our DELETE is out. `expected`: the peer is to delete it. `answered`: its DELETE has been answered, and is
   * only kept for retransmissions of it.
   */
  state: 'asked' | 'expected' | 'answered';
  /** When it is forgotten in any case. */
  until: Instant;
}
