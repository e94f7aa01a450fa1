import type { Instant } from '@ipsec-kit/clock';
import {
  addressesEqual,
  hasAddress,
  type IpAddress,
  type Path,
  type Prefix,
  pathsEqual,
} from '@ipsec-kit/ip';
import { untranslated } from './nat64.ts';
import { pathCandidates } from './path-candidates.ts';
import { PathMemory } from './path-memory.ts';

/** The peer's policy, or a NAT on the way, may be another then. */
const REFUSED_FOR_MS = 60_000;
/** A route that was missing may be there again soon. */
const UNSENDABLE_FOR_MS = 5_000;

/** What an initiator knows of both ends, and which paths follow from it. */
export class PathChoice {
  locals: readonly IpAddress[];
  #remotes: readonly IpAddress[];
  #nat64Prefix: Prefix | undefined;
  /** Paths that the peer has refused. */
  readonly refused: PathMemory = new PathMemory(REFUSED_FOR_MS);
  /** Paths over which this host could not send. */
  readonly unsendable: PathMemory = new PathMemory(UNSENDABLE_FOR_MS);
  /** The path on which the peer was last known to be. */
  proven: Path;

  constructor(
    proven: Path,
    known: { readonly locals: readonly IpAddress[]; readonly remotes: readonly IpAddress[] },
    nat64Prefix: Prefix | undefined,
  ) {
    this.proven = proven;
    this.locals = known.locals;
    this.#nat64Prefix = nat64Prefix;
    this.#remotes = untranslated(known.remotes, nat64Prefix);
  }

  /** Our addresses now. @returns whether there is another first choice than before. An address that merely stands before the one in use
   * may lead elsewhere: the routes of the host chose the path that works.
   */
  setLocals(addresses: readonly IpAddress[]): boolean {
    const [before] = this.locals;
    const [first] = addresses;
    this.locals = addresses;
    this.refused.clear();
    this.unsendable.clear();
    return first !== undefined && !(before !== undefined && addressesEqual(before, first));
  }

  /** The addresses that the peer says it has. */
  setRemotes(addresses: readonly IpAddress[]): void {
    this.#remotes = untranslated(addresses, this.#nat64Prefix);
  }

  /** The translator of the network that we are in now. */
  setNat64Prefix(prefix: Prefix | undefined): void {
    const [address = this.proven.remote.address] = this.#hostOf(this.proven);
    this.proven = { ...this.proven, remote: { ...this.proven.remote, address } };
    this.#nat64Prefix = prefix;
    this.#remotes = untranslated(this.#remotes, prefix);
  }

  /** The peer has answered there. An address that its last list lacks is one of its own all the same: somebody else may have had a hand
   * in where that list came from.
   */
  prove(path: Path): void {
    this.proven = path;
    const fresh = this.#hostOf(path).filter((host) => !hasAddress(this.#remotes, host));
    this.#remotes = [...this.#remotes, ...fresh];
  }

  /** All paths to where the peer says it is, the likeliest first. */
  candidates(now: Instant, current: Path, order: 'stay' | 'prefer'): readonly Path[] {
    return this.#pathsTo(this.#remotes, now, current, order);
  }

  /** Where a request without an answer is tried: while the peer is not shown to be where it says, also where it was shown to be last. */
  tried(now: Instant, current: Path): readonly Path[] {
    const claimed = this.candidates(now, current, 'stay');
    const last = this.#pathsTo(this.#hostOf(this.proven), now, current, 'stay').filter(
      (path) => !claimed.some((known) => pathsEqual(known, path)),
    );
    const [first, ...others] = claimed;
    return first === undefined ? last : [first, ...last, ...others];
  }

  /** The path that an answer came over, when it is one that may have been tried: anybody can send a copy of it from elsewhere. */
  whereAnswered(now: Instant, current: Path, path: Path): Path {
    return this.tried(now, current).find((known) => pathsEqual(known, path)) ?? current;
  }

  /** {@link tried} without the paths over which nothing leaves, unless all are such. */
  testable(now: Instant, current: Path): readonly Path[] {
    const all = this.tried(now, current);
    const sendable = all.filter((path) => !this.unsendable.has(now, path));
    return sendable.length > 0 ? sendable : all;
  }

  /** The address of its peer that exists outside of this network, too. */
  #hostOf(path: Path): readonly IpAddress[] {
    return untranslated([path.remote.address], this.#nat64Prefix);
  }

  #pathsTo(
    remoteAddresses: readonly IpAddress[],
    now: Instant,
    current: Path,
    order: 'stay' | 'prefer',
  ): readonly Path[] {
    return pathCandidates({
      localAddresses: this.locals,
      remoteAddresses,
      current,
      order,
      ...(this.#nat64Prefix === undefined ? {} : { nat64Prefix: this.#nat64Prefix }),
    }).filter((path) => !this.refused.has(now, path));
  }

  /** Our addresses but the one in use. */
  additional(current: Path): readonly IpAddress[] {
    return this.locals.filter((own) => !addressesEqual(own, current.local.address));
  }
}
