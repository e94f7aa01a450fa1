import { type Deadline, type Instant, type Machine, msBetween } from '@ipsec-kit/clock';
import {
  addressesEqual,
  type IpAddress,
  type Path,
  pathsEqual,
  sameAddresses,
} from '@ipsec-kit/ip';
import { MoveLimiter } from './move-limiter.ts';
import { PathChoice } from './path-choice.ts';
import type {
  PathMoverInput,
  PathMoverOptions,
  PathMoverOutput,
  UpdateAnswer,
} from './path-mover-contract.ts';
import { ProbeRounds } from './probe-rounds.ts';
import type { ProbeRound } from './probe-schedule.ts';

/** New requests after UNEXPECTED_NAT_DETECTED: somebody who changes single packets must not cost us a path. @see RFC 4555 §3.9 */
const NAT_RETRIES = 5;
/** How long an answer is waited for on the path that took the place of one over which nothing leaves. */
const AFTER_UNSENDABLE_MS = 1_000;

/** Decides for the initiator of an IKE SA which path it takes: when its own addresses change, when the peer's do, when a mapping has
 * changed, and when no answer comes.
 *
 * One UPDATE_SA_ADDRESSES is under way at a time. A change meanwhile starts again: its response is ignored, and a new request
 * follows. A request that went to several addresses proves none, so its answer leads to a new one where it came from.
 * Moves are limited to one in two seconds after four at once; the last change wins. ESP does not wait for that.
 * @see RFC 4555 §3.5, §3.6, §3.7, §3.9, §3.10
 */
export class PathMover implements Machine<PathMoverInput, PathMoverOutput> {
  readonly #options: PathMoverOptions;
  readonly #limiter = new MoveLimiter();
  readonly #choice: PathChoice;
  #now: Instant;
  #path: Path;
  /** Where the Child SAs go, which need not wait for what the peer is told. */
  #childrenAt: Path;
  #updateId = 0;
  /** The newest update, until its answer. */
  #pending: { readonly id: number; readonly path: Path; wentElsewhere: boolean } | undefined;
  readonly #rounds: ProbeRounds;
  #natRetries = 0;
  #announced: readonly IpAddress[];
  #hasPath = true;
  /** There was no path since the last update began: the same address may be another network, so the peer is told in any case. */
  #wasStranded = false;

  /** @param path - in use after establishment. */
  constructor(
    now: Instant,
    path: Path,
    known: { readonly locals: readonly IpAddress[]; readonly remotes: readonly IpAddress[] },
    options: PathMoverOptions,
  ) {
    this.#now = now;
    this.#rounds = new ProbeRounds(now);
    this.#path = path;
    this.#childrenAt = path;
    this.#options = options;
    this.#choice = new PathChoice(path, known, options.nat64Prefix);
    this.#announced = this.#choice.additional(path);
  }

  /** The path in use. */
  get path(): Path {
    return this.#path;
  }

  /** All paths that could be used now, the likeliest first. */
  get candidates(): readonly Path[] {
    return this.#choice.candidates(this.#now, this.#path, 'stay');
  }

  /** All paths that a request without an answer may be tried over: also to where the peer was last, until it answers elsewhere. */
  get testable(): readonly Path[] {
    return this.#choice.testable(this.#now, this.#path);
  }

  /** Whether the host was not found unable to send over this path, a moment ago. */
  isSendable(now: Instant, path: Path): boolean {
    return !this.#choice.unsendable.has(now, path);
  }

  /** The session has moved for another reason, such as an ESP packet of a peer that has another address. What waits to be told is still
   * to be told, and what is under way about another path proves that one no more.
   * @see RFC 4555 §3.8
   */
  onMoved(path: Path): void {
    this.#path = path;
    this.#childrenAt = path;
    this.#choice.proven = path;
    if (this.#pending && !pathsEqual(this.#pending.path, path)) this.#pending.wentElsewhere = true;
    if (this.#limiter.waiting) this.#limiter.waiting = this.candidates[0] ?? path;
  }

  handle(input: PathMoverInput): readonly PathMoverOutput[] {
    this.#now = input.now;
    switch (input.kind) {
      case 'local-addresses': {
        const isNew = this.#choice.setLocals(input.addresses);
        const goes = isNew && this.#options.followsPreference !== false;
        this.#choice.setNat64Prefix(input.nat64Prefix ?? this.#options.nat64Prefix);
        return this.#reconsider(goes ? 'prefer' : 'stay');
      }
      case 'peer-addresses':
        this.#choice.setRemotes(input.addresses);
        return this.#reconsider('stay');
      case 'update-wanted':
        return this.#options.hasMobike ? this.#begin(this.#limiter.waiting ?? this.#path) : [];
      case 'move-wanted':
        return this.#options.hasMobike ? this.#onWish(input.local) : [];
      case 'no-answer':
        return this.#probe();
      case 'unsendable':
        return this.#onUnsendable(input.path);
      case 'answered':
        return this.#onAnswer(input.path, input.update);
      case 'timeout':
        return this.#onTimeout();
      default:
        return input satisfies never;
    }
  }

  nextDeadline(): Deadline | undefined {
    const again = this.#hasPath ? undefined : this.#choice.refused.firstForgotten;
    const at = again ?? this.#limiter.nextAt(this.#now);
    if (at === undefined) return undefined;
    return { name: 'address update', at, toleranceMs: 0, wake: 'device' };
  }

  /** Some address has changed: is the path still there, and is there a better one? */
  #reconsider(order: 'stay' | 'prefer'): readonly PathMoverOutput[] {
    const [best] = this.#choice.candidates(this.#now, this.#path, order);
    this.#limiter.waiting = undefined;
    if (best === undefined) return this.#strand();
    this.#hasPath = true;
    const isHere = pathsEqual(best, this.#path) && !this.#wasStranded;
    if (!this.#options.hasMobike) return isHere ? [] : this.#reEstablish(best);
    if (!isHere) return this.#begin(best);
    return [...this.#lead(best), ...(this.#pending ? [] : this.#announceNews())];
  }

  #onWish(wanted: IpAddress | undefined): readonly PathMoverOutput[] {
    this.#choice.refused.clear();
    const best = this.#choice
      .candidates(this.#now, this.#path, 'prefer')
      .find(({ local }) => wanted === undefined || addressesEqual(local.address, wanted));
    if (best === undefined) return [];
    this.#hasPath = true;
    return this.#begin(best);
  }

  #announceNews(): readonly PathMoverOutput[] {
    const additional = this.#choice.additional(this.#path);
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
    const oldPathWorks = this.#choice.locals.some((own) =>
      addressesEqual(own, this.#path.local.address),
    );
    this.#path = path;
    this.#wasStranded = false;
    return [{ kind: 're-establish', path, oldPathWorks }];
  }

  #begin(path: Path): readonly PathMoverOutput[] {
    return this.#limiter.admit(this.#now, path) ? this.#update(path) : this.#lead(path);
  }

  /** The Child SAs go ahead of what the peer is told later: their packets need no address but that of the peer, which is the same. */
  #lead(path: Path): readonly PathMoverOutput[] {
    const isSamePeer = addressesEqual(path.remote.address, this.#childrenAt.remote.address);
    if (!isSamePeer || pathsEqual(path, this.#childrenAt)) return [];
    this.#childrenAt = path;
    return [{ kind: 'lead-children', path }];
  }

  /** Moves, and tells the peer. What is outstanding is stale from here on. */
  #update(path: Path): readonly PathMoverOutput[] {
    const outputs: PathMoverOutput[] = [];
    const isSamePeer = addressesEqual(path.remote.address, this.#path.remote.address);
    if (!pathsEqual(path, this.#path)) outputs.push({ kind: 'move-ike', path });
    if (this.#options.moveChildren === 'at-once' || isSamePeer) {
      this.#childrenAt = path;
      outputs.push({ kind: 'move-children', path });
    }
    this.#path = path;
    this.#limiter.waiting = undefined;
    this.#wasStranded = false;
    this.#rounds.begin(this.#now);
    this.#updateId += 1;
    this.#pending = { id: this.#updateId, path, wentElsewhere: false };
    const additional = this.#choice.additional(this.#path);
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
    const round = this.#rounds.next(this.#now, this.testable);
    return round ? this.#try(round) : [{ kind: 'close', code: 'peer-unreachable' }];
  }

  /** Nothing leaves over a path. What is out goes to the next one at once, and on from there while that is no better; a path that is known
   * to be such causes nothing, so there is no more than one round in a while.
   */
  #onUnsendable(path: Path): readonly PathMoverOutput[] {
    const isKnown = !this.isSendable(this.#now, path);
    this.#choice.unsendable.add(this.#now, path);
    if (isKnown || !this.#options.hasMobike || !this.#hasPath) return [];
    const [next] = this.testable;
    if (next === undefined || !this.isSendable(this.#now, next)) return [];
    // A round that is under way does not end sooner for it.
    const waitMs = Math.max(AFTER_UNSENDABLE_MS, msBetween(this.#now, this.#rounds.endAt));
    return this.#try({ paths: [next], waitMs });
  }

  #try(round: ProbeRound): readonly PathMoverOutput[] {
    if (round.paths.some((path) => !pathsEqual(path, this.#path))) {
      this.#rounds.isScattered = true;
      // Its NAT_DETECTION_DESTINATION_IP is wrong there, and it must not be changed: it ends, and its result is discarded.
      if (this.#pending) this.#pending.wentElsewhere = true;
    }
    return [{ kind: 'transmit', ...round }];
  }

  #onAnswer(path: Path, update: UpdateAnswer | undefined): readonly PathMoverOutput[] {
    const wasScattered = this.#rounds.isScattered;
    this.#rounds.begin(this.#now);
    if (update?.routability === 'failed') {
      // RFC 4555 §3.7: if the values do not match, the IKE SA MUST be closed.
      return [{ kind: 'close', code: 'path-not-proven' }];
    }
    const pending = this.#pending;
    if (update === undefined || pending === undefined || update.updateId !== pending.id) {
      // RFC 4555 §3.5: no MOBIKE processing for an answer that an address change has overtaken. Another exchange only shows
      // that the peer is there, and that it may have been heard elsewhere.
      if (update !== undefined || pending !== undefined || !wasScattered) return [];
      const known = this.#choice.whereAnswered(this.#now, this.#path, path);
      return this.#options.hasMobike ? this.#update(known) : this.#reEstablishIf(known);
    }
    this.#pending = undefined;
    if (update.refusal !== undefined) return this.#onRefusal(pending.path, update.refusal);
    this.#natRetries = 0;
    if (pending.wentElsewhere || update.routability === 'ambiguous') {
      return this.#update(this.#choice.whereAnswered(this.#now, this.#path, path));
    }
    this.#choice.prove(pending.path);
    this.#childrenAt = pending.path;
    return [
      { kind: 'move-children', path: pending.path },
      ...(this.#limiter.waiting ? this.#lead(this.#limiter.waiting) : []),
      // Our list may have changed while it was under way.
      ...this.#announceNews(),
    ];
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
    this.#choice.refused.add(this.#now, path);
    const candidates = this.#choice.candidates(this.#now, this.#path, 'stay');
    const next =
      candidates.find((other) => pathsEqual(other, this.#choice.proven)) ?? candidates[0];
    return next === undefined ? this.#strand() : this.#begin(next);
  }

  #onTimeout(): readonly PathMoverOutput[] {
    const again = this.#choice.refused.firstForgotten;
    if (!this.#hasPath && again !== undefined && this.#now >= again) {
      this.#choice.refused.clear();
      return this.#reconsider('stay');
    }
    const { waiting } = this.#limiter;
    return waiting ? this.#begin(waiting) : [];
  }
}
