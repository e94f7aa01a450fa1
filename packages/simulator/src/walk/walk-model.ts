import { type Instant, msBetween } from '@ipsec-kit/clock';
import type { HostLedger } from './host-ledger.ts';
import type { WalkConfiguration } from './walk-configurations.ts';
import type { WalkSide } from './walk-plan.ts';

/** Two wishes that contradict each other and come within this time may be fulfilled in either order. */
const SETTLING_MS = 400_000;

/** A wish about one SA: of the session where it has no name. */
interface Wish {
  readonly at: Instant;
  readonly name: string | undefined;
  readonly isWanted: boolean;
  /** Whose user has it; absent: the host itself. */
  readonly side?: WalkSide;
}

/** How many of something there may be. */
interface Range {
  readonly least: number;
  readonly most: number;
}

/** What two peers must have when they have come to rest, as far as it follows from what was asked of them: no state machine,
 * only wishes. Where the order of two wishes is open, or a session was lost on the way, either is right.
 */
export class WalkModel {
  readonly #configuration: WalkConfiguration;
  readonly #ledgers: readonly HostLedger[];
  readonly #wishes: Wish[] = [];

  constructor(configuration: WalkConfiguration, ledgers: readonly HostLedger[]) {
    this.#configuration = configuration;
    this.#ledgers = ledgers;
  }

  /** Somebody wants a session, or a Child SA of it; or wants it no more. */
  wish(at: Instant, side: WalkSide, name: string | undefined, isWanted: boolean): void {
    this.#wishes.push({ at, name, isWanted, side });
  }

  /** Whether the last wish about the session was that it be gone. */
  get isClosed(): boolean {
    return this.#wishes.findLast(({ name }) => name === undefined)?.isWanted === false;
  }

  /** How many sessions there may be. */
  sessions(): Range {
    const about = this.#sessionWishes();
    const isLost = this.#ledgers.some(({ losses }) => losses > 0);
    if (!isLost) return { least: 1, most: 1 };
    return { least: 0, most: this.#isRefused(about) ? 0 : 1 };
  }

  /** What users wanted, and what hosts began of themselves: one that lost its session and opens it again, or replaces it at the
   * end of its life after a sleep, wants it even where the other had closed it, unless that has reached it.
   */
  #sessionWishes(): readonly Wish[] {
    const returns = this.#ledgers.flatMap((ledger) =>
      ledger.returns.map((at) => ({ at, name: undefined, isWanted: true })),
    );
    const own = this.#wishes.filter(({ name }) => name === undefined);
    return [...own, ...returns].sort((a, b) => a.at - b.at);
  }

  /** How many Child SAs of a name there may be in a session that stands. */
  children(name: string): Range {
    const about = this.#wishes.filter((wish) => wish.name === name);
    const isFirst = this.#configuration.children[0] === name;
    const wanted = about.filter(({ isWanted }) => isWanted).length + (isFirst ? 1 : 0);
    const isDisturbed = this.#ledgers.some(
      ({ losses, failedNames }) => losses > 0 || failedNames.has(name),
    );
    const most = Math.max(wanted, isDisturbed ? 1 : 0);
    // Both may have closed the same one, and one that was closed while it was made may have gone unmade.
    const closed = about.filter(({ isWanted }) => !isWanted).length;
    if (isDisturbed) return { least: 0, most };
    const least = Math.max(0, wanted - closed - this.#mistakable(about));
    const isRefused = closed > 0 && !this.#configuration.reopens && this.#isRefused(about);
    return { least, most: wanted === 1 && isRefused && !this.#isUnheard(name) ? 0 : most };
  }

  /** Both users may want one of the same name. Where an IKE SA that another has replaced ends with the answer to such a wish, the one of
   * that name in the other may be what the peer has made of it and moved, or the wish of the peer's own user: nothing in IKEv2
   * tells which, and it is taken for the first.
   */
  #mistakable(about: readonly Wish[]): number {
    if (this.#ledgers.every(({ returns }) => returns.length === 0)) return 0;
    const of = (side: WalkSide): number =>
      about.filter((wish) => wish.isWanted && wish.side === side).length;
    return Math.min(of('client'), of('server'));
  }

  /** A DELETE that has no answer may not have come, and the IKE SA that it was sent under is not what the session goes on with: a peer that
   * sleeps for longer than that is remembered reauthenticates from there, with what it has.
   */
  #isUnheard(name: string): boolean {
    return this.#ledgers.some(({ unheardNames }) => unheardNames.has(name));
  }

  /** Whether the last wish is that it be gone, and nobody wanted it otherwise at about that time. */
  #isRefused(about: readonly Wish[]): boolean {
    const last = about.at(-1);
    if (!last || last.isWanted) return false;
    return about.every(({ at, isWanted }) => !isWanted || msBetween(at, last.at) > SETTLING_MS);
  }
}
