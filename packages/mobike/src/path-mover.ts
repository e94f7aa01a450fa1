import { addMs, type Deadline, type Instant, type Machine } from '@ipsec-kit/clock';
import { addressesEqual, type IpAddress, type Path, type Prefix, pathsEqual } from '@ipsec-kit/ip';
import { MoveLimiter } from './move-limiter.ts';
import { untranslated } from './nat64.ts';
import { pathCandidates } from './path-candidates.ts';
import type {
  PathMoverInput,
  PathMoverOptions,
  PathMoverOutput,
  UpdateAnswer,
} from './path-mover-contract.ts';
import { probeRound } from './probe-schedule.ts';
import { RefusedPaths } from './refused-paths.ts';
import { sameAddresses } from './same-addresses.ts';

/** New requests after UNEXPECTED_NAT_DETECTED: somebody who changes single packets must not cost us a path. @see RFC 4555 §3.9 */
const NAT_RETRIES = 5;

/** Decides for the initiator of an IKE SA which path it takes: when its own addresses change, when the peer's do, when a mapping has
 * changed, and when no answer comes.
 *
 * One UPDATE_SA_ADDRESSES is under way at a time. A change meanwhile starts again: its response is ignored, and a new request
 * follows. A request that went to several addresses proves none, so its answer leads to a new one where it came from.
 * Moves are limited to one in two seconds after four at once; the last change wins.
 * @see RFC 4555 §3.5, §3.6, §3.7, §3.9, §3.10
 */
export class PathMover implements Machine<PathMoverInput, PathMoverOutput> {
  readonly #options: PathMoverOptions;
  readonly #limiter = new MoveLimiter();
  readonly #refused = new RefusedPaths();
  #now: Instant;
  #path: Path;
  #nat64Prefix: Prefix | undefined;
  #locals: readonly IpAddress[];
  #remotes: readonly IpAddress[];
  #updateId = 0;
  /** The newest update, until its answer. */
  #pending: { readonly id: number; readonly path: Path; wentElsewhere: boolean } | undefined;
  /** Where the update goes that waits for the limiter. */
  #delayed: Path | undefined;
  #round = 0;
  #isScattered = false;
  #natRetries = 0;
  #announced: readonly IpAddress[];
  #hasPath = true;
  /** There was no path since the last update began: the same address may be another network, so the peer is told in any case. */
  #wasStranded = false;
  /** The path on which the peer was last known to be. */
  #proven: Path;

  /** @param path - in use after establishment. */
  constructor(
    now: Instant,
    path: Path,
    known: { readonly locals: readonly IpAddress[]; readonly remotes: readonly IpAddress[] },
    options: PathMoverOptions,
  ) {
    this.#now = now;
    this.#path = path;
    this.#proven = path;
    this.#options = options;
    this.#nat64Prefix = options.nat64Prefix;
    this.#locals = known.locals;
    this.#remotes = untranslated(known.remotes, options.nat64Prefix);
    this.#announced = this.#additional();
  }

  /** The path in use. */
  get path(): Path {
    return this.#path;
  }

  /** All paths that could be used now, the likeliest first. */
  get candidates(): readonly Path[] {
    return this.#candidates('stay');
  }

  /** The session has moved for another reason, such as an ESP packet of a peer that has another address. @see RFC 4555 §3.8 */
  onMoved(path: Path): void {
    this.#path = path;
    this.#proven = path;
    this.#delayed = undefined;
  }

  handle(input: PathMoverInput): readonly PathMoverOutput[] {
    this.#now = input.now;
    switch (input.kind) {
      case 'local-addresses': {
        const order = this.#isPreferredNew(input.addresses) ? 'prefer' : 'stay';
        this.#locals = input.addresses;
        this.#nat64Prefix = input.nat64Prefix ?? this.#options.nat64Prefix;
        this.#remotes = untranslated(this.#remotes, this.#nat64Prefix);
        this.#refused.clear();
        return this.#reconsider(order);
      }
      case 'peer-addresses':
        this.#remotes = untranslated(input.addresses, this.#nat64Prefix);
        return this.#reconsider('stay');
      case 'update-wanted':
        return this.#options.hasMobike ? this.#begin(this.#delayed ?? this.#path) : [];
      case 'move-wanted':
        return this.#options.hasMobike ? this.#onWish(input.local) : [];
      case 'no-answer':
        return this.#probe();
      case 'answered':
        return this.#onAnswer(input.path, input.update);
      case 'timeout':
        return this.#onTimeout();
      default:
        return input satisfies never;
    }
  }

  nextDeadline(): Deadline | undefined {
    const again = this.#hasPath ? undefined : this.#refused.firstForgotten;
    if (this.#delayed === undefined && again === undefined) return undefined;
    const at = again ?? addMs(this.#now, this.#limiter.waitMs(this.#now));
    return { name: 'address update', at, toleranceMs: 0, wake: 'device' };
  }

  /** Whether there is another first choice than before. An address that merely stands before the one in use may lead elsewhere: the
   * routes of the host chose the path that works.
   */
  #isPreferredNew(addresses: readonly IpAddress[]): boolean {
    if (this.#options.followsPreference === false) return false;
    const [before] = this.#locals;
    const [first] = addresses;
    return first !== undefined && !(before !== undefined && addressesEqual(before, first));
  }

  /** Some address has changed: is the path still there, and is there a better one? */
  #reconsider(order: 'stay' | 'prefer'): readonly PathMoverOutput[] {
    const [best] = this.#candidates(order);
    this.#delayed = undefined;
    if (best === undefined) return this.#strand();
    this.#hasPath = true;
    const isHere = pathsEqual(best, this.#path) && !this.#wasStranded;
    if (!this.#options.hasMobike) return isHere ? [] : this.#reEstablish(best);
    if (!isHere) return this.#begin(best);
    return this.#pending ? [] : this.#announceNews();
  }

  #onWish(wanted: IpAddress | undefined): readonly PathMoverOutput[] {
    this.#refused.clear();
    const best = this.#candidates('prefer').find(
      ({ local }) => wanted === undefined || addressesEqual(local.address, wanted),
    );
    if (best === undefined) return [];
    this.#hasPath = true;
    return this.#begin(best);
  }

  #announceNews(): readonly PathMoverOutput[] {
    const additional = this.#additional();
    if (sameAddresses(additional, this.#announced)) return [];
    this.#announced = additional;
    return [{ kind: 'announce', additional }];
  }

  #strand(): readonly PathMoverOutput[] {
    if (!this.#hasPath) return [];
    this.#hasPath = false;
    this.#wasStranded = true;
    return [{ kind: 'no-path' }];
  }

  #reEstablish(path: Path): readonly PathMoverOutput[] {
    const oldPathWorks = this.#locals.some((own) => addressesEqual(own, this.#path.local.address));
    this.#path = path;
    this.#wasStranded = false;
    return [{ kind: 're-establish', path, oldPathWorks }];
  }

  #begin(path: Path): readonly PathMoverOutput[] {
    if (this.#limiter.waitMs(this.#now) > 0) {
      this.#delayed = path;
      return [];
    }
    this.#limiter.onMove(this.#now);
    return this.#update(path);
  }

  /** Moves, and tells the peer. What is outstanding is stale from here on. */
  #update(path: Path): readonly PathMoverOutput[] {
    const outputs: PathMoverOutput[] = [];
    const isSamePeer = addressesEqual(path.remote.address, this.#path.remote.address);
    if (!pathsEqual(path, this.#path)) outputs.push({ kind: 'move-ike', path });
    if (this.#options.moveChildren === 'at-once' || isSamePeer) {
      outputs.push({ kind: 'move-children', path });
    }
    this.#path = path;
    this.#delayed = undefined;
    this.#wasStranded = false;
    this.#round = 0;
    this.#isScattered = false;
    this.#updateId += 1;
    this.#pending = { id: this.#updateId, path, wentElsewhere: false };
    const additional = this.#additional();
    const isNews = !sameAddresses(additional, this.#announced);
    this.#announced = additional;
    outputs.push({
      kind: 'send-update',
      updateId: this.#updateId,
      path,
      ...(isNews ? { additional } : {}),
    });
    return outputs;
  }

  #probe(): readonly PathMoverOutput[] {
    if (!this.#hasPath) return [];
    const round = probeRound(this.#round, this.#candidates('stay'));
    if (round === undefined) return [{ kind: 'close', code: 'peer-unreachable' }];
    this.#round += 1;
    const isElsewhere = round.paths.some((path) => !pathsEqual(path, this.#path));
    if (isElsewhere) {
      this.#isScattered = true;
      // Its NAT_DETECTION_DESTINATION_IP is wrong there, and it must not be changed: it ends, and its result is discarded.
      if (this.#pending) this.#pending.wentElsewhere = true;
    }
    return [{ kind: 'transmit', ...round }];
  }

  #onAnswer(path: Path, update: UpdateAnswer | undefined): readonly PathMoverOutput[] {
    const wasScattered = this.#isScattered;
    this.#round = 0;
    this.#isScattered = false;
    if (update?.routability === 'failed') {
      // RFC 4555 §3.7: if the values do not match, the IKE SA MUST be closed.
      return [{ kind: 'close', code: 'path-not-proven' }];
    }
    const pending = this.#pending;
    if (update === undefined || pending === undefined || update.updateId !== pending.id) {
      // RFC 4555 §3.5: no MOBIKE processing for an answer that an address change has overtaken. Another exchange only shows
      // that the peer is there, and that it may have been heard elsewhere.
      if (update !== undefined || pending !== undefined || !wasScattered) return [];
      const known = this.#known(path);
      return this.#options.hasMobike ? this.#update(known) : this.#reEstablishIf(known);
    }
    this.#pending = undefined;
    if (update.refusal !== undefined) return this.#onRefusal(pending.path, update.refusal);
    this.#natRetries = 0;
    if (pending.wentElsewhere || update.routability === 'ambiguous') {
      return this.#update(this.#known(path));
    }
    this.#proven = pending.path;
    // Our list may have changed while it was under way.
    return [{ kind: 'move-children', path: pending.path }, ...this.#announceNews()];
  }

  /** The path that an answer came over, when it is one that was tried: anybody can send a copy of it from elsewhere. */
  #known(path: Path): Path {
    return this.#candidates('stay').find((known) => pathsEqual(known, path)) ?? this.#path;
  }

  #reEstablishIf(path: Path): readonly PathMoverOutput[] {
    return pathsEqual(path, this.#path) ? [] : this.#reEstablish(path);
  }

  #onRefusal(
    path: Path,
    refusal: 'unacceptable-addresses' | 'unexpected-nat-detected',
  ): readonly PathMoverOutput[] {
    if (refusal === 'unexpected-nat-detected' && this.#natRetries < NAT_RETRIES) {
      this.#natRetries += 1;
      return this.#update(path);
    }
    this.#natRetries = 0;
    this.#refused.add(this.#now, path);
    const candidates = this.#candidates('stay');
    const next = candidates.find((other) => pathsEqual(other, this.#proven)) ?? candidates[0];
    return next === undefined ? this.#strand() : this.#begin(next);
  }

  #onTimeout(): readonly PathMoverOutput[] {
    const path = this.#delayed;
    const again = this.#refused.firstForgotten;
    if (!this.#hasPath && again !== undefined && this.#now >= again) {
      this.#refused.clear();
      return this.#reconsider('stay');
    }
    if (path === undefined || this.#limiter.waitMs(this.#now) > 0) return [];
    this.#delayed = undefined;
    return this.#begin(path);
  }

  #candidates(order: 'stay' | 'prefer'): readonly Path[] {
    return pathCandidates({
      localAddresses: this.#locals,
      remoteAddresses: this.#remotes,
      current: this.#path,
      order,
      ...(this.#nat64Prefix === undefined ? {} : { nat64Prefix: this.#nat64Prefix }),
    }).filter((path) => !this.#refused.has(this.#now, path));
  }

  #additional(): readonly IpAddress[] {
    return this.#locals.filter((own) => !addressesEqual(own, this.#path.local.address));
  }
}
