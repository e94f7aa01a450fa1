import { type IpAddress, type Prefix, parseAddress, parsePrefix } from '@ipsec-kit/ip';
import type { TunSettings } from '../src/index.ts';

/** Reads an address that the test wrote. */
export function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`not an address: ${text}`);
  return parsed;
}

/** Reads a prefix that the test wrote. */
export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`not a prefix: ${text}`);
  return parsed;
}

/** Settings of which only some matter to a test. */
export function settings(wanted: Partial<TunSettings>): TunSettings {
  return { addresses: [], routes: [], mtu: 1400, dns: [], excluded: [], ...wanted };
}
