/** @throws RangeError when an argument is no integer from `least` to `most`. */
export function requireRange(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`"${name}" expected ${least} to ${most}, got ${value}`);
  }
}
