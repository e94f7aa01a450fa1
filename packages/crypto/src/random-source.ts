/** Where random bytes come from: handed to every machine at construction, so that a trace replays. */
export interface RandomSource {
  /** Fills all of `target`. */
  fill(target: Uint8Array): void;
}
