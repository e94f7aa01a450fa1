import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the kernel keeps the settings of each interface. */
const INTERFACES = '/proc/sys/net/ipv4/conf';
/** The strict filter: a packet is dropped unless the way back to its source leads through the interface that it came by. */
const STRICT = 1;

/** An interface whose IPv4 source filter is strict: with it a host on that link is not heard, ARP included, while the route
 * to it leads into a tunnel.
 * @param except - the tunnel's own device.
 * @param directory - for tests.
 * @returns the first of them, or `undefined` when there is none.
 * @see Linux, Documentation/networking/ip-sysctl.rst, rp_filter (the larger of `all` and the interface's own counts)
 */
export function strictInterface(
  except: string,
  directory: string = INTERFACES,
): string | undefined {
  const filterOf = (name: string): number => {
    try {
      return Number(readFileSync(join(directory, name, 'rp_filter'), 'latin1'));
    } catch {
      return 0;
    }
  };
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return undefined;
  }
  const all = filterOf('all');
  return names
    .filter((name) => !['all', 'default', 'lo', except].includes(name))
    .sort()
    .find((name) => Math.max(all, filterOf(name)) === STRICT);
}
