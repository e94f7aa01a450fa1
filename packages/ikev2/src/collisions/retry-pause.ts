import { addMs, type Instant } from '@ipsec-kit/clock';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';

/** The first pause before a request that was put off is sent again; each further one is twice as long, up to the longest. */
export const FIRST_PAUSE_MS: number = 1_000;
export const LONGEST_PAUSE_MS: number = 30_000;

/** How often a peer may answer TEMPORARY_FAILURE to the same wish: after several minutes the two sides have lost one
 * another, and the IKE SA is closed. @see RFC 7296 §2.25
 */
export const MAX_POSTPONEMENTS: number = 12;

/** A refusal that no pause mends counts like so many postponements: it is asked about again only after the longest pause. */
export const LATE: number = 10;

/** When to try again what was refused for a while: half of the pause, and the other half at random, so that two sides
 * that stand in each other's way do not meet again. @see RFC 7296 §2.25 (MUST NOT immediately retry)
 */
export function retryMoment(context: EndpointContext, postponements: number): Instant {
  const doubled = FIRST_PAUSE_MS * 2 ** Math.min(Math.max(postponements - 1, 0), 10);
  const pauseMs = Math.min(doubled, LONGEST_PAUSE_MS);
  return addMs(context.now, pauseMs / 2 + (pauseMs / 2) * context.jitter());
}
