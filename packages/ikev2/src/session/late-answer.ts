import type { Instant } from '@ipsec-kit/clock';
import type { Path } from '@ipsec-kit/ip';
import type { SessionFailure } from '../events.ts';
import type { IkeSa } from './ike-sa.ts';

/** The DELETE of an IKE SA that is to be answered shortly, and the end that comes with it. */
export interface LateAnswer {
  readonly sa: IkeSa;
  readonly messageId: number;
  readonly via: { readonly path: Path; readonly marker: boolean };
  readonly failure: SessionFailure;
  /** It waits for the answer to a request of ours, until then. */
  readonly asksUntil: Instant | undefined;
}
