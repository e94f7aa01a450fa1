import type { Command } from '@ipsec-kit/ikev2';
import type { Expectation, Outcome } from './session-outcomes.ts';

/** One step of a request, and whom it is about. */
export interface SessionStep {
  /** `IKE SA with client`, as it stands in a sentence. */
  readonly subject: string;
  readonly expectation: Expectation;
  /** What the IKE machine is told; or what comes of it without. */
  readonly command: Command | Outcome;
}
