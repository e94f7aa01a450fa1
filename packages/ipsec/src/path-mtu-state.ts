import type { Instant } from '@ipsec-kit/clock';
import type { SearchRange } from './path-mtu-candidates.ts';

/** A size that is being tried. */
export interface Trial {
  readonly bytes: number;
  /** A smaller size, which goes along from the second try on: what is lost together with it says nothing about sizes. */
  readonly controlBytes: number | undefined;
  readonly firstId: number;
  /** Of each probe: the size, then the size and its control in turn. */
  readonly sentAt: readonly Instant[];
  /** Places in `sentAt` of controls that were answered. */
  readonly controls: readonly number[];
  readonly waitUntil: Instant;
}

/** What a discovery waits for. */
export type PathMtuState =
  | { readonly kind: 'stopped' }
  /** A size above the one in use. */
  | { readonly kind: 'searching'; readonly range: SearchRange; readonly trial: Trial }
  /** The size in use, which may have stopped coming through. */
  | { readonly kind: 'confirming'; readonly trial: Trial; readonly raiseAt: Instant }
  /** The base size, after a silence. */
  | { readonly kind: 'starting-over'; readonly trial: Trial; readonly pauseMs: number }
  /** Nothing came through at all. */
  | { readonly kind: 'pausing'; readonly until: Instant; readonly pauseMs: number }
  | FoundState;

/** The size in use is the largest one. */
export interface FoundState {
  readonly kind: 'found';
  readonly raiseAt: Instant;
  readonly confirmAt: Instant;
  /** Nobody uses the path: then it is looked at again at `confirmAt`, after so many milliseconds. */
  readonly idleMs?: number;
}

/** Probes are out. */
export type TryingState = Extract<PathMtuState, { trial: Trial }>;
