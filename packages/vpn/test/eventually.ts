import { expect } from 'vitest';

/** Expects something that is on its way: on a busy machine, too. */
export function eventually<T>(read: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(read, { timeout: 10_000 });
}
