import type { Endpoint } from '@ipsec-kit/ip';
import type { Platform } from './platform.ts';
import type { OpenSockets } from './tunnel-host-options.ts';
import { messageOf } from './vpn-error.ts';

/** Ports beside those of the tunnel, each with a NAT mapping that nobody else uses: the lifetime of mappings is measured on them. */
export interface ScratchPorts {
  /** Whether this local port is one; what comes on it has the framing of port 4500. */
  has(port: number): boolean;
  /** Opens one on the address from which this host sends to `remote`. @returns nothing when none is to be had. */
  open(remote: Endpoint, world: Pick<Platform, 'localAddressFor'>): Promise<Endpoint | undefined>;
  close(local: Endpoint): void;
}

/** Makes the scratch ports of these sockets. */
export function createScratchPorts(
  udp: Pick<OpenSockets, 'openScratchPort' | 'closeScratchPort'>,
  warn: (sentence: string) => void,
): ScratchPorts {
  const open = new Set<number>();
  return {
    has: (port) => open.has(port),
    async open(remote, world) {
      if (!udp.openScratchPort) return undefined;
      try {
        const local = await udp.openScratchPort(await world.localAddressFor(remote));
        open.add(local.port);
        return local;
      } catch {
        // The host is between two networks, or has no port left: it is measured another time.
        return undefined;
      }
    },
    close(local) {
      open.delete(local.port);
      udp
        .closeScratchPort?.(local)
        .catch((error) => warn(`A scratch port could not be closed: ${messageOf(error)}`));
    },
  };
}
