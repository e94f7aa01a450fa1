/** A deadline that is noticed so much too late was slept through. */
export const LATE_WAKE_MS: number = 2_000;
