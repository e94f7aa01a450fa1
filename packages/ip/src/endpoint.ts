import { addressesEqual, type Endpoint, type Path } from './address.ts';
import { formatAddress, parseAddress } from './address-text.ts';

/** Reads `192.0.2.1:4500` or `[2001:db8::1]:4500`.
 * @returns the endpoint, or `undefined` when `text` is not one.
 */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(0|[1-9]\d{0,4})$/.exec(text);
  if (!match) return undefined;
  const address = parseAddress(match[1] ?? match[2] ?? '');
  const port = Number(match[3]);
  if (!address || port > 65535) return undefined;
  // Brackets are for IPv6 alone. @see RFC 5952 §6
  return (address.version === 6) === (match[1] !== undefined) ? { address, port } : undefined;
}

/** `192.0.2.1:4500` or `[2001:db8::1]:4500`. @see RFC 5952 §6 */
export function formatEndpoint(endpoint: Endpoint): string {
  const text = formatAddress(endpoint.address);
  return endpoint.address.version === 6 ? `[${text}]:${endpoint.port}` : `${text}:${endpoint.port}`;
}

/** Whether address and port are the same. */
export function endpointsEqual(a: Endpoint, b: Endpoint): boolean {
  return a === b || (a.port === b.port && addressesEqual(a.address, b.address));
}

/** Whether both ends are the same. */
export function pathsEqual(a: Path, b: Path): boolean {
  return a === b || (endpointsEqual(a.local, b.local) && endpointsEqual(a.remote, b.remote));
}

/** `192.0.2.1:4500 -> 198.51.100.7:4500`, local end first. */
export function formatPath(path: Path): string {
  return `${formatEndpoint(path.local)} -> ${formatEndpoint(path.remote)}`;
}
