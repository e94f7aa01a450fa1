/** A time as the configuration writes it, in seconds, whole or with what is behind the point: `60 s`, `0.9 s`. */
export function durationText(ms: number): string {
  return `${ms / 1000} s`;
}
