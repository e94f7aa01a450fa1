import { type Identity, identitiesEqual, matchIdentity } from '@ipsec-kit/auth';
import { type Proposal, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { type IpAddress, type Path, type Prefix, prefixContains } from '@ipsec-kit/ip';
import type { ConnectionConfig } from '../config.ts';
import { chooseProposal } from '../negotiate/proposals.ts';
import { addressIdentity } from '../session/own-identity.ts';

/** The connections that a path may belong to, those with the narrowest addresses first, then in their order. */
export function connectionsForPath(
  connections: readonly ConnectionConfig[],
  path: Path,
): readonly ConnectionConfig[] {
  const scored = connections.flatMap((connection) => {
    const local = addressScore(connection.localAddresses, path.local.address);
    const remote = addressScore(connection.remoteAddresses, path.remote.address);
    return local === undefined || remote === undefined ? [] : [{ connection, local, remote }];
  });
  scored.sort((a, b) => b.local - a.local || b.remote - a.remote);
  return scored.map(({ connection }) => connection);
}

/** A connection and the identity that we have in it. */
export interface ChosenConnection {
  readonly connection: ConnectionConfig;
  readonly localIdentity: Identity;
}

/** The connections that an IKE_AUTH request may be for: their addresses fit the path, their proposals allow what IKE_SA_INIT chose,
 * the peer's identity matches, and ours is the one that the peer asks for, if it asks. The best match goes first, among equals the
 * narrowest addresses.
 * @param idr - the identity that the peer wants to talk to, if it says.
 * @returns none when no connection fits: AUTHENTICATION_FAILED.
 */
export function chooseConnections(
  connections: readonly ConnectionConfig[],
  path: Path,
  chosen: Proposal['transforms'],
  idi: Identity,
  idr: Identity | undefined,
): readonly ChosenConnection[] {
  const fitting = connectionsForPath(connections, path).flatMap((connection) => {
    const localIdentity = connection.localIdentity ?? addressIdentity(path.local.address);
    if (idr && !identitiesEqual(idr, localIdentity)) return [];
    const match = matchIdentity(connection.remoteIdentity, idi);
    if (match === 0 || !allowsTransforms(connection, chosen)) return [];
    return [{ connection, localIdentity, match }];
  });
  return fitting.toSorted((a, b) => b.match - a.match);
}

function allowsTransforms(
  connection: ConnectionConfig,
  transforms: Proposal['transforms'],
): boolean {
  const offer = { number: 1, protocol: ProtocolId.IKE, spi: new Uint8Array(0), transforms };
  return chooseProposal([offer], connection.proposals, ProtocolId.IKE) !== undefined;
}

/** Bits of the longest prefix that holds the address; 0 for a list that is empty (any), `undefined` when none does. */
function addressScore(prefixes: readonly Prefix[], address: IpAddress): number | undefined {
  if (prefixes.length === 0) return 0;
  let best: number | undefined;
  for (const prefix of prefixes) {
    if (prefixContains(prefix, address)) best = Math.max(best ?? 0, prefix.length + 1);
  }
  return best;
}
