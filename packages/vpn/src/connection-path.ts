import {
  addressesEqual,
  type Endpoint,
  formatAddress,
  type IpAddress,
  type Path,
} from '@ipsec-kit/ip';
import { synthesizeNat64 } from '@ipsec-kit/mobike';
import type { AddressTarget, ConnectionTransport } from './compile/index.ts';
import type { Nat64Finder } from './nat64.ts';
import type { BoundUdp, Platform } from './platform.ts';
import { messageOf, VpnError, vpnErrorFrom } from './vpn-error.ts';

/** Where a connection goes from and to, before any port is opened. */
export interface ConnectionAddresses {
  readonly local: IpAddress;
  readonly remote: IpAddress;
}

/** How the first exchange travels, once the local ports are known. */
export interface InitialPath {
  readonly path: Path;
  /** Whether messages carry the non-ESP marker from the first one on. */
  readonly marker: boolean;
  /** Where to go on after IKE_SA_INIT; absent stays. @see RFC 7296 §2.23 */
  readonly floatTo?: Path;
}

/** Where IKE begins; only from here does an initiator float to 4500. @see RFC 7296 §2.23 */
export const IKE_PORT = 500;
const NAT_T_PORT = 4500;

/** Finds the first configured peer address that this host can reach, and the address to reach it from; where it reaches none, the first
 * that a NAT64 reaches.
 * @throws VpnError `config` when the connection names no peer, `name-not-found` or `no-route` when none can be reached.
 */
export async function findAddresses(
  connection: string,
  transport: Pick<ConnectionTransport, 'localTargets' | 'remoteTargets'>,
  platform: Pick<Platform, 'resolve' | 'localAddressFor'>,
  nat64: Nat64Finder = async () => undefined,
): Promise<ConnectionAddresses> {
  if (transport.remoteTargets.length === 0) {
    throw new VpnError(
      'config',
      `The connection ${connection} names no address to connect to: set remote_addrs to the address or name of the peer.`,
    );
  }
  const own =
    transport.localTargets.length === 0
      ? undefined
      : await resolveAll(transport.localTargets, platform);
  let failure: unknown;
  for (const target of transport.remoteTargets) {
    try {
      for (const remote of await resolveTarget(target, platform)) {
        const local = await localAddress(remote, own, platform);
        if (local) return { local, remote };
      }
    } catch (error) {
      failure ??= error;
    }
  }
  const translated = await throughNat64(transport.remoteTargets, own, platform, nat64);
  if (translated) return translated;
  if (failure !== undefined)
    throw vpnErrorFrom(failure, `reach the peer of ${connection}`, 'no-route');
  throw new VpnError(
    'config',
    `No address in local_addrs of ${connection} is of the same family as one in remote_addrs: make both IPv4 or both IPv6.`,
  );
}

/** A host with IPv6 alone reaches a server with IPv4 alone under the prefix of a NAT64. @see RFC 6052 §2, RFC 6877 */
async function throughNat64(
  targets: readonly AddressTarget[],
  own: readonly IpAddress[] | undefined,
  platform: Pick<Platform, 'resolve' | 'localAddressFor'>,
  nat64: Nat64Finder,
): Promise<ConnectionAddresses | undefined> {
  const prefix = await nat64().catch(() => undefined);
  if (!prefix) return undefined;
  for (const target of targets) {
    const addresses = await resolveTarget(target, platform).catch(() => []);
    for (const address of addresses) {
      const remote = synthesizeNat64(prefix, address);
      const local = remote && (await localAddress(remote, own, platform).catch(() => undefined));
      if (local) return { local, remote };
    }
  }
  return undefined;
}

/** Lays out the first path. On the standard port the initiator begins on 500 and floats to 4500; a peer on any
 * other port speaks with the non-ESP marker from the start.
 */
export function initialPath(
  addresses: ConnectionAddresses,
  remotePort: number,
  localPorts: { readonly ike: number; readonly natT: number },
): InitialPath {
  const local = (port: number): Endpoint => ({ address: addresses.local, port });
  const remote = (port: number): Endpoint => ({ address: addresses.remote, port });
  if (remotePort !== IKE_PORT) {
    return { path: { local: local(localPorts.natT), remote: remote(remotePort) }, marker: true };
  }
  return {
    path: { local: local(localPorts.ike), remote: remote(IKE_PORT) },
    marker: false,
    floatTo: { local: local(localPorts.natT), remote: remote(NAT_T_PORT) },
  };
}

/** The first path of a connection from sockets that are open.
 * @throws VpnError as {@link findAddresses} does, and `no-route` when no socket is on the address that it would leave from.
 */
export async function pathFrom(
  udp: Pick<BoundUdp, 'endpoints' | 'ports'>,
  connection: string,
  transport: ConnectionTransport,
  platform: Pick<Platform, 'resolve' | 'localAddressFor'>,
): Promise<InitialPath> {
  const found = await findAddresses(connection, transport, platform);
  const ports = udp.endpoints
    .filter(({ address }) => addressesEqual(address, found.local))
    .map(({ port }) => port);
  // Bindings name the port of IKE and that of NAT traversal in turn.
  const natTPorts = new Set(udp.ports.filter((_, index) => index % 2 === 1));
  const ike = ports.find((port) => !natTPorts.has(port));
  const natT = ports.find((port) => natTPorts.has(port));
  if (ike === undefined || natT === undefined) {
    throw new VpnError(
      'no-route',
      `Nothing listens on ${formatAddress(found.local)}, from where the peer of ${connection} is reached: correct local_addrs.`,
    );
  }
  return initialPath(found, transport.remotePort, { ike, natT });
}

async function resolveAll(
  targets: readonly AddressTarget[],
  platform: Pick<Platform, 'resolve'>,
): Promise<readonly IpAddress[]> {
  const found = await Promise.all(targets.map((target) => resolveTarget(target, platform)));
  return found.flat();
}

async function resolveTarget(
  target: AddressTarget,
  platform: Pick<Platform, 'resolve'>,
): Promise<readonly IpAddress[]> {
  if (target.kind === 'address') return [target.address];
  try {
    return await platform.resolve(target.name);
  } catch (error) {
    throw new VpnError(
      'name-not-found',
      `The name ${target.name} cannot be resolved (${messageOf(error)}): check its spelling and the DNS of this host.`,
      error,
    );
  }
}

async function localAddress(
  remote: IpAddress,
  own: readonly IpAddress[] | undefined,
  platform: Pick<Platform, 'localAddressFor'>,
): Promise<IpAddress | undefined> {
  const candidates = own?.filter((address) => address.version === remote.version);
  if (candidates && candidates.length < 2) return candidates[0];
  const routed = await platform.localAddressFor({ address: remote, port: IKE_PORT });
  if (!candidates) return routed;
  return candidates.find((address) => addressesEqual(address, routed)) ?? candidates[0];
}
