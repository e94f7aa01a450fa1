declare const instantBrand: unique symbol;

/** A point in time in milliseconds on one suspend-aware clock, counted from an arbitrary epoch.
 * Only a {@link Clock} makes instants out of nothing; everything else derives them with {@link addMs}.
 */
export type Instant = number & { readonly [instantBrand]: 'Instant' };

/** Makes an instant from a reading of a clock; for implementations of {@link Clock} and for tests.
 * @param ms - milliseconds since the epoch of the clock that was read.
 */
export function instantFromMs(ms: number): Instant {
  return ms as Instant;
}

/** The instant `ms` milliseconds after `at` (before it when negative). */
export function addMs(at: Instant, ms: number): Instant {
  return (at + ms) as Instant;
}

/** Milliseconds from `from` to `to`; negative when `to` lies before `from`. */
export function msBetween(from: Instant, to: Instant): number {
  return to - from;
}
