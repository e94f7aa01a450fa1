/** How long what was just sent on a Child SA may be under way, or wait in the peer's own queues, after outbound has moved to
 * its replacement. Some peers drop the old inbound half the moment that its IKE SA is deleted, so the exchange that does that
 * leaves us no earlier. Far below the pause of any retransmission.
 */
export const SETTLE_MS: number = 100;
