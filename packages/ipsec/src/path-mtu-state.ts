import type { Instant } from '@ipsec-kit/clock';
import type { SearchRange } from './path-mtu-candidates.ts';

/** A size that is being tried. */
export interface Trial {
  readonly bytes: number;
  readonly firstId: number;
  readonly sentAt: readonly Instant[];
  readonly waitUntil: Instant;
}

/** What a discovery waits for. */
export type PathMtuState =
  | { readonly kind: 'stopped' }
  /** A size above the one in use. */
  | { readonly kind: 'searching'; readonly range: SearchRange; readonly trial: Trial }
  /** That was lost: whether the one below comes through, so that it was its size. */
  | {
      readonly kind: 'checking';
      readonly range: SearchRange;
      readonly failedBytes: number;
      readonly trial: Trial;
    }
  /** The size in use, which may have stopped coming through. */
  | { readonly kind: 'confirming'; readonly trial: Trial; readonly raiseAt: Instant }
  /** Base size, then the least one. */
  | { readonly kind: 'starting-over'; readonly trial: Trial; readonly pauseMs: number }
  /** Nothing came through at all. */
  | { readonly kind: 'pausing'; readonly until: Instant; readonly pauseMs: number }
  | { readonly kind: 'found'; readonly raiseAt: Instant; readonly confirmAt: Instant };
