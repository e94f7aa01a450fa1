import { bytesEqual } from '@ipsec-kit/crypto';
import { type Certificate, isNamedIssuer } from '@ipsec-kit/x509';

/** Intermediate CAs that are sent along at most. */
const MAX_CHAIN = 8;

/** An own certificate and the intermediate CAs above it, as far as they are known; never the root.
 * @param pool - where issuers are looked for, in this order.
 */
export function chainAbove(
  leaf: Certificate,
  pool: readonly Certificate[],
): readonly Certificate[] {
  const chain = [leaf];
  for (let top = leaf; chain.length < MAX_CHAIN; ) {
    const next = pool.find((one) => isNamedIssuer(one, top) && !chain.includes(one));
    // A root that the peer does not have would not help it, and one that it has it need not be sent.
    if (!next || bytesEqual(next.subject, next.issuer)) break;
    chain.push(next);
    top = next;
  }
  return chain;
}
