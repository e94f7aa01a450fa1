/** What of the remote end a NAT looks at: nothing, its address, or its address and port. @see RFC 4787 §4.1, §5 */
export type EndpointDependence =
  | 'endpoint-independent'
  | 'address-dependent'
  | 'address-and-port-dependent';

/** How a NAT chooses the port of a new mapping. @see RFC 4787 §4.2.1 */
export type PortAssignment =
  /** The port of the host where it is free, otherwise a random one. */
  | 'preserving'
  | 'random'
  /** One after the other, as many carrier NATs do. */
  | 'sequential';

/** Which packets keep a mapping: those from the inside, or those from the outside as well. @see RFC 4787 §4.3 */
export type RefreshDirection = 'outbound' | 'both';

/** How a NAT behaves. */
export interface NatSettings {
  /** When a host's port keeps its mapping although it sends to somebody else. */
  readonly mapping: EndpointDependence;
  /** Who may send to a mapping: anybody, or those that the host has sent to. */
  readonly filtering: EndpointDependence;
  /** How long a mapping lives without a packet that refreshes it, in milliseconds. */
  readonly lifetimeMs: number;
  readonly refresh: RefreshDirection;
  readonly ports: PortAssignment;
  /** Which of several external addresses a host gets: always the same one, or any. @see RFC 4787 §4.1 (REQ-2) */
  readonly pooling: 'paired' | 'arbitrary';
  /** Mappings that the table holds; when it is full the one that has been quiet for longest goes. */
  readonly maxMappings: number;
  /** Whether hosts inside reach each other by their external addresses. @see RFC 4787 §6 (REQ-9) */
  readonly hairpinning: boolean;
}

/** Ports of one external address. */
export const MOST_MAPPINGS = 60_000;

/** A NAT as RFC 4787 wants it: REQ-1, REQ-2, REQ-3, REQ-5c (five minutes), REQ-6, REQ-8 and REQ-9. Settings that are given
 * replace those of the preset, here and in the others.
 */
export function behavingNat(settings: Partial<NatSettings> = {}): NatSettings {
  return {
    mapping: 'endpoint-independent',
    filtering: 'address-dependent',
    lifetimeMs: 300_000,
    refresh: 'outbound',
    ports: 'preserving',
    pooling: 'paired',
    maxMappings: 4096,
    hairpinning: true,
    ...settings,
  };
}

/** A mobile network's: two minutes, a new port each time, and packets from outside keep nothing. */
export function carrierNat(settings: Partial<NatSettings> = {}): NatSettings {
  return behavingNat({
    filtering: 'address-and-port-dependent',
    lifetimeMs: 120_000,
    ports: 'sequential',
    ...settings,
  });
}

/** What a Linux router does: a mapping for each remote end, three minutes once both sides have spoken, refreshed by both. */
export function linuxNat(settings: Partial<NatSettings> = {}): NatSettings {
  return behavingNat({
    mapping: 'address-and-port-dependent',
    filtering: 'address-and-port-dependent',
    lifetimeMs: 180_000,
    refresh: 'both',
    hairpinning: false,
    ...settings,
  });
}

/** @throws RangeError on settings that make no sense. */
export function requireNatSettings(settings: NatSettings): NatSettings {
  const { lifetimeMs, maxMappings } = settings;
  if (!(lifetimeMs >= 0)) {
    throw new RangeError(`nat: "lifetimeMs" expected 0 or more, got ${lifetimeMs}`);
  }
  if (!Number.isInteger(maxMappings) || maxMappings < 1 || maxMappings > MOST_MAPPINGS) {
    throw new RangeError(
      `nat: "maxMappings" expected a whole number from 1 to ${MOST_MAPPINGS}, got ${maxMappings}`,
    );
  }
  return settings;
}
