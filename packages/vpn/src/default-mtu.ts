/** The MTU of TUN devices unless another is asked for, as strongSwan's userspace ESP has it: over IPv4 every suite
 * fits with it into an outer packet of 1500 bytes; where one does not (CBC with SHA-512 over IPv6), `innerMtuOfPath`
 * is smaller and counts.
 */
export const DEFAULT_TUN_MTU = 1400;

/** What links are assumed to carry until path MTU discovery says otherwise. */
export const DEFAULT_OUTER_MTU = 1500;
