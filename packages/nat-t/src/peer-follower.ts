import { addMs, type Deadline, type Instant } from '@ipsec-kit/clock';
import { type Path, pathsEqual } from '@ipsec-kit/ip';

/** How long the path in use must be silent before another takes its place. */
const DEFAULT_HOLD_DOWN_MS = 500;
/** How long after a move a packet may have been on its way over the path that was left. */
const ON_ITS_WAY_MS = 1_000;
const MOST_LEFT = 4;

/** How slowly a peer is followed. */
export interface PeerFollowerOptions {
  /** Default 500 ms. */
  readonly holdDownMs?: number;
}

/** A packet whose integrity was verified, and where it came from. */
export interface PeerPacket {
  readonly now: Instant;
  readonly path: Path;
  readonly by: 'ike' | 'esp';
  /** It is newer than all before: its sequence number (ESP) or message id (IKE) is the highest so far. One that merely falls
   * into the replay window is not.
   */
  readonly isNewest: boolean;
  /** Whether replays are found at all: an SA without replay protection follows nobody. */
  readonly replayProtection: boolean;
}

/** Decides when a peer behind a NAT has another address or port, from the authenticated packets that come from it: for the end
 * that is not behind a NAT itself.
 *
 * The peer moves to where the newest packet came from, once the path in use has been silent for the hold-down: at once when it
 * was idle, half a second later when it was busy. So a packet that somebody copied and sent from elsewhere moves nothing while
 * the peer goes on sending, and whatever happens there are at most two moves a second.
 * @see RFC 7296 §2.23, RFC 4555 §3.8 (with MOBIKE, IKE packets MUST NOT move it, ESP packets may)
 */
export class PeerFollower {
  readonly #holdDownMs: number;
  #current: Path;
  #heardAt: Instant;
  #candidate: { readonly path: Path; readonly seenAt: Instant } | undefined;
  /** Where the session was before it was told to move, and until when what comes from there may have been on its way; the newest last. */
  #left: readonly { readonly path: Path; readonly until: Instant }[] = [];
  #isBehindNat = false;
  #hasMobike = false;

  /** @param now - counts as the last packet on the path in use. */
  constructor(now: Instant, current: Path, options: PeerFollowerOptions = {}) {
    this.#holdDownMs = options.holdDownMs ?? DEFAULT_HOLD_DOWN_MS;
    if (!Number.isFinite(this.#holdDownMs) || this.#holdDownMs < 0) {
      throw new RangeError(
        `"holdDownMs" expected milliseconds, 0 or more, got ${options.holdDownMs}`,
      );
    }
    this.#current = current;
    this.#heardAt = now;
  }

  /** The path in use. */
  get path(): Path {
    return this.#current;
  }

  /** Takes over what is known of both ends.
   * @param isBehindNat - this host is behind a NAT: it follows nobody, since one copied packet could move it (RFC 7296 §2.23).
   */
  setFacts(facts: { readonly isBehindNat: boolean; readonly hasMobike: boolean }): void {
    this.#isBehindNat = facts.isBehindNat;
    this.#hasMobike = facts.hasMobike;
    if (this.#isBehindNat) this.#candidate = undefined;
  }

  /** The session moved for another reason, such as UPDATE_SA_ADDRESSES: what comes from where it was, for a while, left before that. */
  onMoved(now: Instant, path: Path): void {
    if (!pathsEqual(path, this.#current)) {
      const others = this.#left.filter((left) => !pathsEqual(left.path, this.#current));
      const left = { path: this.#current, until: addMs(now, ON_ITS_WAY_MS) };
      this.#left = [...others, left].slice(-MOST_LEFT);
    }
    this.#goTo(now, path);
  }

  /** Whether the session was at this path a moment ago, before it was told to move: what comes from there says nothing. */
  wasLeft(now: Instant, path: Path): boolean {
    return this.#left.some((left) => now < left.until && pathsEqual(left.path, path));
  }

  /** The path in use was heard at `at`: for a packet path that samples instead of telling of every packet. The hold-down begins anew; what
   * has come from elsewhere counts no more when the path is in use a hold-down later still, since that is not what was on its way.
   */
  onHeard(at: Instant): void {
    if (at > this.#heardAt) this.#heardAt = at;
    if (this.#candidate && at > addMs(this.#candidate.seenAt, this.#holdDownMs)) {
      this.#candidate = undefined;
    }
  }

  /** Takes a packet. @returns the path to move to, or `undefined` to stay. */
  onPacket(packet: PeerPacket): Path | undefined {
    const { now, path, by, isNewest, replayProtection } = packet;
    if (!isNewest) return undefined;
    if (pathsEqual(path, this.#current)) {
      this.onHeard(now);
      this.#candidate = undefined;
      return undefined;
    }
    if (this.#isBehindNat || !replayProtection) return undefined;
    if (by === 'ike' && this.#hasMobike) return undefined;
    if (this.wasLeft(now, path)) return undefined;
    this.#candidate = { path, seenAt: now };
    return this.onTimeout(now);
  }

  /** The hold-down may be over. @returns the path to move to, or `undefined` to stay. */
  onTimeout(now: Instant): Path | undefined {
    const path = this.#candidate?.path;
    if (path === undefined || now < addMs(this.#heardAt, this.#holdDownMs)) return undefined;
    this.#left = [];
    this.#goTo(now, path);
    return path;
  }

  /** When the hold-down of a path that waits is over. */
  nextDeadline(): Deadline | undefined {
    if (this.#candidate === undefined) return undefined;
    const at = addMs(this.#heardAt, this.#holdDownMs);
    return { name: 'peer-path hold-down', at, toleranceMs: 50, wake: 'process' };
  }

  #goTo(now: Instant, path: Path): void {
    this.#current = path;
    this.#heardAt = now;
    this.#candidate = undefined;
  }
}
