import { networkInterfaces } from 'node:os';
import { hasAddress, type IpAddress, isLinkLocal, parseAddress } from '@ipsec-kit/ip';

/** Asks for sockets on every address that this machine has. */
export interface EveryAddress {
  /** The ports to open on each address, for example 500 and 4500. Port 0 takes one free port for all addresses. */
  readonly ports: readonly number[];
  /** Address families; default both. */
  readonly families?: readonly (4 | 6)[];
  /** Returns true for addresses that are left out, for example those of a tunnel's own device. */
  readonly skip?: (interfaceName: string, address: IpAddress) => boolean;
}

/** Lists the addresses of this machine that are asked for. IPv6 link-local addresses are left out:
 * they mean nothing without an interface.
 */
export function listAddresses(wanted: EveryAddress): IpAddress[] {
  const families = wanted.families ?? [4, 6];
  const addresses: IpAddress[] = [];
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    for (const entry of entries ?? []) {
      const address = parseAddress(entry.address);
      if (!address || !families.includes(address.version) || isUselessAlone(address)) continue;
      if (wanted.skip?.(name, address) || hasAddress(addresses, address)) continue;
      addresses.push(address);
    }
  }
  return addresses;
}

function isUselessAlone(address: IpAddress): boolean {
  return address.version === 6 && isLinkLocal(address);
}
