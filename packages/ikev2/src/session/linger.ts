/** How long the answer to the request that ended an IKE SA is kept for retransmissions of that request. A peer that lost it
 * asks again within this time or gives up by itself: a strongSwan with its defaults, 4 s x 1.8^n, asks for the last time
 * after 89 s and gives up after 165 s; its longest pause between two is 42 s.
 * @see RFC 7296 §2.1
 */
export const LINGER_MS: number = 165_000;

/** The same of a peer that has not authenticated: it must cost no more than a half-open IKE SA. */
export const UNAUTHENTICATED_LINGER_MS: number = 30_000;
