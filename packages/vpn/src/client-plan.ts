import type { ChildConfig, ConnectionConfig } from '@ipsec-kit/ikev2';
import { type IpAddress, isLinkLocal, isLoopback, prefixContains } from '@ipsec-kit/ip';
import type { ConnectionTransport } from './compile/index.ts';
import { IKE_PORT } from './connection-path.ts';
import type { SettingsOptions } from './options.ts';
import type { UdpBinding } from './platform.ts';

type Children = Pick<ConnectionTransport, 'startChildren' | 'trapChildren'>;

/** Where a client sends from: free ports, unless the connection or the settings say which. One that follows its host has them on every
 * address that the connection allows, so that it can go from one to another; on loopback and link-local it stays.
 * @param local - its own address on the way to the peer.
 * @param follows - whether it hears of addresses that come and go.
 */
export function clientBinding(
  local: IpAddress,
  { localPort, localTargets }: Pick<ConnectionTransport, 'localPort' | 'localTargets'>,
  { localAddresses }: Pick<ConnectionConfig, 'localAddresses'>,
  settings: SettingsOptions,
  follows: boolean,
): UdpBinding {
  const isIkePort = localPort === IKE_PORT;
  const ike = (isIkePort ? localPort : settings.port) ?? 0;
  const natT = (isIkePort ? settings.portNatT : localPort) ?? settings.portNatT ?? 0;
  const isFixed = localTargets.length === 1 || localTargets.some(({ kind }) => kind === 'name');
  if (follows && !isFixed && !isLoopback(local) && !isLinkLocal(local)) {
    const isAllowed = (address: IpAddress): boolean =>
      localAddresses.length === 0 ||
      localAddresses.some((prefix) => prefixContains(prefix, address));
    return {
      ports: [ike, natT],
      skip: (_name, address) => isLoopback(address) || isLinkLocal(address) || !isAllowed(address),
    };
  }
  return [
    { address: local, port: ike },
    { address: local, port: natT },
  ];
}

/** The children that a client leaves to their traffic. */
export function trappedChildren(
  { children }: Pick<ConnectionConfig, 'children'>,
  { trapChildren }: Children,
): readonly ChildConfig[] {
  return children.filter(({ name }) => trapChildren.includes(name));
}

/** Names of the children that a client opens: the one that was asked for, or else all that are not left to their traffic, those
 * first that are to be started.
 */
export function childrenToOpen(
  { children }: Pick<ConnectionConfig, 'children'>,
  { startChildren, trapChildren }: Children,
  asked: string | undefined,
): readonly string[] {
  if (asked !== undefined) return [asked];
  const others = children
    .map(({ name }) => name)
    .filter((name) => !startChildren.includes(name) && !trapChildren.includes(name));
  return [...startChildren, ...others];
}
