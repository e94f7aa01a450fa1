declare const instantBrand: unique symbol;

/** A point in time in milliseconds on one suspend-aware clock, counted from an arbitrary epoch.
 * Only a {@link Clock} makes instants out of nothing; everything else derives them with {@link addMs}.
 *
 * `Source` names the clock: an instant of one clock is no argument for another, so that a deadline read from one and
 * waited for on another does not type-check. Code that works with a single clock leaves it out; an instant of any clock
 * is one for it, but not the other way round.
 */
export type Instant<Source extends string = string> = number & {
  readonly [instantBrand]: Source;
};

/** Makes an instant from a reading of a clock; for implementations of {@link Clock} and for tests.
 * @param ms - milliseconds since the epoch of the clock that was read.
 */
export function instantFromMs<Source extends string = string>(ms: number): Instant<Source> {
  return ms as Instant<Source>;
}

/** The instant `ms` milliseconds after `at` (before it when negative), on the same clock. */
export function addMs<Source extends string>(at: Instant<Source>, ms: number): Instant<Source> {
  return (at + ms) as Instant<Source>;
}

/** Milliseconds from `from` to `to`, two instants of one clock; negative when `to` lies before `from`. */
export function msBetween<Source extends string>(
  from: Instant<Source>,
  to: Instant<NoInfer<Source>>,
): number {
  return to - from;
}

/** The later of two instants of one clock. */
export function laterOf<Source extends string>(
  one: Instant<Source>,
  other: Instant<NoInfer<Source>>,
): Instant<Source> {
  return one < other ? other : one;
}

/** The earlier of two instants of one clock. */
export function earlierOf<Source extends string>(
  one: Instant<Source>,
  other: Instant<NoInfer<Source>>,
): Instant<Source> {
  return one < other ? one : other;
}
