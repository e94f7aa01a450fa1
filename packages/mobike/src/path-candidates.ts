import { addressesEqual, type IpAddress, type Path } from '@ipsec-kit/ip';

const DEFAULT_MAX_PATHS = 64;

export interface PathCandidatesInput {
  /** Addresses that this host has now, in order of preference. */
  readonly localAddresses: readonly IpAddress[];
  /** Addresses that the peer can be reached at, in order of preference: {@link PeerAddressSet.addresses}. */
  readonly remoteAddresses: readonly IpAddress[];
  /** The path in use; its ports are those of all candidates. */
  readonly current: Path;
  /** Most candidates; default 64. */
  readonly maxPaths?: number;
}

/** The paths that an initiator may try, in the order to try them: all pairs of a local and a remote address of one family.
 * The path in use comes first while both its ends still exist; then those to the same address of the peer, those from the
 * same local address, those of the same family, and among equals the order of the lists, remote before local.
 * @returns an empty list when no family is common to both sides.
 * @see RFC 4555 §3.1, §3.5, §3.10
 */
export function pathCandidates(input: PathCandidatesInput): readonly Path[] {
  const { current } = input;
  const locals = withoutRepeats(input.localAddresses);
  const ranked: { readonly path: Path; readonly rank: number }[] = [];
  for (const remote of withoutRepeats(input.remoteAddresses)) {
    for (const local of locals) {
      if (local.version !== remote.version) continue;
      const path = {
        local: { address: local, port: current.local.port },
        remote: { address: remote, port: current.remote.port },
      };
      ranked.push({ path, rank: rankOf(path, current) });
    }
  }
  // Sorting is stable, so equal ranks keep the order of the lists.
  ranked.sort((a, b) => a.rank - b.rank);
  return ranked.slice(0, input.maxPaths ?? DEFAULT_MAX_PATHS).map(({ path }) => path);
}

function rankOf(path: Path, current: Path): number {
  const sameRemote = addressesEqual(path.remote.address, current.remote.address);
  const sameLocal = addressesEqual(path.local.address, current.local.address);
  const sameFamily = path.remote.address.version === current.remote.address.version;
  return (sameRemote ? 0 : 4) + (sameLocal ? 0 : 2) + (sameFamily ? 0 : 1);
}

function withoutRepeats(addresses: readonly IpAddress[]): readonly IpAddress[] {
  return addresses.filter(
    (address, index) => addresses.findIndex((other) => addressesEqual(other, address)) === index,
  );
}
