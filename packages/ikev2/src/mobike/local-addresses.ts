import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { EndpointInput } from '../endpoint-io.ts';
import { runNext } from '../procedures/run-procedures.ts';
import { isBehind } from '../session/shown-session.ts';
import { reviewAddresses } from './review-addresses.ts';

/** Our addresses are others than before: every session looks whether its path is still there, and tells its peer. */
export function onLocalAddresses(
  context: EndpointContext,
  { addresses, nat64Prefix }: Extract<EndpointInput, { readonly kind: 'local-addresses' }>,
): void {
  context.localAddresses = { addresses, ...(nat64Prefix ? { nat64Prefix } : {}) };
  // What is behind a session goes with it.
  for (const session of [...context.sessions.values()]) {
    if (isBehind(session)) continue;
    reviewAddresses(context, session);
    runNext(context, session);
  }
}
