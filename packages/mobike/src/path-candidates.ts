import { addressesEqual, type IpAddress, type Path, type Prefix } from '@ipsec-kit/ip';
import { synthesizeNat64 } from './nat64.ts';

const DEFAULT_MAX_PATHS = 64;

/** The addresses of both ends, and how their pairs are ordered. */
export interface PathCandidatesInput {
  /** Addresses that this host has now, in order of preference. */
  readonly localAddresses: readonly IpAddress[];
  /** Addresses that the peer can be reached at, in order of preference: {@link PeerAddressSet.addresses}. */
  readonly remoteAddresses: readonly IpAddress[];
  /** The path in use; its ports are those of all candidates. */
  readonly current: Path;
  /** The prefix of a NAT64 in this network: the peer's IPv4 addresses can then be reached from IPv6, too. @see RFC 6052 */
  readonly nat64Prefix?: Prefix;
  /** `stay`, the default, puts the path in use first; `prefer` stays with the peer's address in use, and goes by the order of our own. */
  readonly order?: 'stay' | 'prefer';
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
  for (const remote of withoutRepeats(withNat64(input))) {
    for (const local of locals) {
      if (local.version !== remote.version) continue;
      const path = {
        local: { address: local, port: current.local.port },
        remote: { address: remote, port: current.remote.port },
      };
      ranked.push({ path, rank: rankOf(path, current, input.order === 'prefer') });
    }
  }
  // Sorting is stable, so equal ranks keep the order of the lists.
  ranked.sort((a, b) => a.rank - b.rank);
  return ranked.slice(0, input.maxPaths ?? DEFAULT_MAX_PATHS).map(({ path }) => path);
}

/** What a NAT64 adds comes last: the same server without a translator is better. */
function withNat64({ remoteAddresses, nat64Prefix }: PathCandidatesInput): readonly IpAddress[] {
  if (nat64Prefix === undefined) return remoteAddresses;
  const synthesized = remoteAddresses.flatMap((address) => {
    const found = synthesizeNat64(nat64Prefix, address);
    return found === undefined ? [] : [found];
  });
  return [...remoteAddresses, ...synthesized];
}

function rankOf(path: Path, current: Path, goesByPreference: boolean): number {
  const sameRemote = addressesEqual(path.remote.address, current.remote.address);
  if (goesByPreference) return sameRemote ? 0 : 1;
  const sameLocal = addressesEqual(path.local.address, current.local.address);
  const sameFamily = path.remote.address.version === current.remote.address.version;
  return (sameRemote ? 0 : 4) + (sameLocal ? 0 : 2) + (sameFamily ? 0 : 1);
}

function withoutRepeats(addresses: readonly IpAddress[]): readonly IpAddress[] {
  return addresses.filter(
    (address, index) => addresses.findIndex((other) => addressesEqual(other, address)) === index,
  );
}
