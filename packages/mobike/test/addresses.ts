import { type Endpoint, type IpAddress, type Path, parseAddress } from '@ipsec-kit/ip';

/** An address from its text, for tests. */
export function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`not an address: ${text}`);
  return parsed;
}

/** An endpoint on port 4500, for tests. */
export function endpoint(text: string, port = 4500): Endpoint {
  return { address: address(text), port };
}

/** A path between two addresses, for tests. */
export function path(local: string, remote: string, port = 4500): Path {
  return { local: endpoint(local, port), remote: endpoint(remote, port) };
}
