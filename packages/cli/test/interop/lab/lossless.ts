import { expect } from 'vitest';
import type { NumberedDirection, NumberedResult } from './numbered-packets.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** What a row measured, for the list of rows at the end of the run. */
    figures?: string;
  }
}

/** One line for the report of the run. */
export function figuresOf({ up, down, drops }: NumberedResult): string {
  const one = (name: string, way: NumberedDirection): string =>
    `${name} ${way.sent} at ${way.perSecond}/s, ${way.lost} lost, ${way.duplicates} doubled, ${way.reordered} reordered`;
  const dropped = Object.entries({ ...drops.first, ...drops.second });
  const kernel = dropped.length > 0 ? `; kernel drops ${JSON.stringify(drops)}` : '';
  return `${one('up', up)}; ${one('down', down)}${kernel}`;
}

/** Fails unless every numbered packet came once and in order, at `leastPerSecond` or more; the message tells which did not,
 * when, and what the kernels dropped.
 */
export function expectLossless(result: NumberedResult, leastPerSecond: number): void {
  for (const way of ['up', 'down'] as const) {
    const { lost, duplicates, reordered, refused, receiverDrops, missing, perSecond } = result[way];
    const seen = { way, lost, duplicates, reordered, refused, receiverDrops };
    const none = { way, lost: 0, duplicates: 0, reordered: 0, refused: 0, receiverDrops: 0 };
    expect(seen, JSON.stringify({ missing, drops: result.drops })).toEqual(none);
    expect(perSecond, `packets a second, ${way}`).toBeGreaterThanOrEqual(leastPerSecond);
  }
}
