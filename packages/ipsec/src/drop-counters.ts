import type { EspDropReason } from '@ipsec-kit/esp';

/** Why the engine dropped a packet, beside the reasons of `esp`. */
export type EngineDropReason =
  /** Outbound: no active pair covers the destination. */
  | 'no-sa'
  /** Outbound: a pair covers the destination, but not the source, protocol or ports. @see RFC 4301 §5.1 */
  | 'no-policy'
  /** Outbound: larger than the tunnel carries and not to be fragmented; the sender was told. */
  | 'too-big'
  /** Outbound: a trap holds as many packets as it may; the one that waited longest went. */
  | 'trap-queue-full'
  /** Inbound: no SA has this SPI. */
  | 'unknown-spi'
  /** Inbound: as much is held for a reserved SPI, or for all of them, as may be. */
  | 'held-queue-full'
  /** Either direction: held until its reservation, trap or pair was given up. */
  | 'held-discarded'
  /** Inbound: what came out is not within the selectors of the SA. @see RFC 4301 §5.2 */
  | 'selector-mismatch'
  /** Either direction, transport mode: a fragment, while ESP takes whole datagrams. @see RFC 4303 §3.3.4 */
  | 'transport-fragment'
  /** Either direction, transport mode: IPv4 options or IPv6 headers that belong before ESP, into the outer packet, which
   * UDP encapsulation leaves to the host. @see RFC 4303 §3.1.1
   */
  | 'transport-header'
  /** Inbound: the next header of ESP is not the version of the packet inside. */
  | 'bad-next-header'
  /** The inner packet has no usable IP header. */
  | 'malformed-inner'
  /** Inbound: the path has marked congestion on a packet whose transport knows no ECN. @see RFC 6040 §4.2 */
  | 'ce-on-not-ect'
  /** Inbound: a dummy packet, discarded as it should be. @see RFC 4303 §2.6 */
  | 'dummy';

/** Every reason for which a packet is dropped. */
export type DropReason = EngineDropReason | EspDropReason;

/** All reasons at zero. */
export function createDropCounters(): Record<DropReason, number> {
  return {
    'no-sa': 0,
    'no-policy': 0,
    'too-big': 0,
    'trap-queue-full': 0,
    'unknown-spi': 0,
    'held-queue-full': 0,
    'held-discarded': 0,
    'selector-mismatch': 0,
    'transport-fragment': 0,
    'transport-header': 0,
    'bad-next-header': 0,
    'malformed-inner': 0,
    'ce-on-not-ect': 0,
    dummy: 0,
    malformed: 0,
    replayed: 0,
    'bad-icv': 0,
    'bad-padding': 0,
    'sequence-exhausted': 0,
    'lifetime-over': 0,
    'no-room': 0,
  };
}
