/** Priorities for what came due while the device slept, first to last.
 * - The path: a mapping in doubt is asked about, or the address update sent, before anything else wants an answer over it.
 * - Soft expiries before the hard ones that came due at the same wake, so that an SA is replaced and not merely lost; the
 *   IKE SA before its Child SAs.
 * - What only asks whether the peer lives, and 0xFF, come last: any exchange that ran before stands in for them.
 */
export const CatchUpOrder: {
  readonly path: -60;
  readonly retransmission: -50;
  readonly ikeSoftExpiry: -40;
  readonly childSoftExpiry: -30;
  readonly ikeHardExpiry: -20;
  readonly childHardExpiry: -10;
  readonly other: 0;
  readonly liveness: 50;
  readonly keepalive: 60;
} = {
  path: -60,
  retransmission: -50,
  ikeSoftExpiry: -40,
  childSoftExpiry: -30,
  ikeHardExpiry: -20,
  childHardExpiry: -10,
  other: 0,
  liveness: 50,
  keepalive: 60,
};
