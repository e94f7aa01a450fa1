import { addMs } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import { PROOF_TIMEOUT_MS } from '../endpoint-work.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Bounds the work on a proof: a token that waits for a finger, or a responder of OCSP that is silent. */
export function awaitProof(context: EndpointContext, session: IkeSession): void {
  setTimer(context, session, 'proof', addMs(context.now, PROOF_TIMEOUT_MS), {
    label: 'end of the work on a proof',
    toleranceMs: 1_000,
    wake: 'process',
  });
}

/** The work is done. */
export function endProofTimer(context: EndpointContext, session: IkeSession): void {
  context.deadlines.clear(session.id, 'proof');
}
