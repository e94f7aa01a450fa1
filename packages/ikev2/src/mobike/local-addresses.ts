import { type Prefix, prefixesEqual } from '@ipsec-kit/ip';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { EndpointInput } from '../endpoint-io.ts';
import { runNext } from '../procedures/run-procedures.ts';
import { isBehind } from '../session/shown-session.ts';
import { reviewAddresses } from './review-addresses.ts';

const MOST_PREFIXES = 4;

/** Our addresses are others than before: every session looks whether its path is still there, and tells its peer. */
export function onLocalAddresses(
  context: EndpointContext,
  { addresses, nat64Prefix }: Extract<EndpointInput, { readonly kind: 'local-addresses' }>,
): void {
  context.localAddresses = { addresses, ...(nat64Prefix ? { nat64Prefix } : {}) };
  if (nat64Prefix) noteNat64(context, nat64Prefix);
  // What is behind a session goes with it.
  for (const session of [...context.sessions.values()]) {
    if (isBehind(session)) continue;
    reviewAddresses(context, session);
    runNext(context, session);
  }
}

/** Sessions may know their peers by what the translators of the last networks made of their addresses. */
function noteNat64(context: EndpointContext, prefix: Prefix): void {
  const others = context.nat64Prefixes.filter((other) => !prefixesEqual(other, prefix));
  context.nat64Prefixes = [prefix, ...others].slice(0, MOST_PREFIXES);
}
