import type { RandomStream } from '../../src/index.ts';

/** One of them, as drawn. @throws when there is none. */
export function pick<T>(values: readonly T[], draw: RandomStream): T {
  const value = values[draw.below(values.length)];
  if (value === undefined) throw new Error('nothing to pick from');
  return value;
}
