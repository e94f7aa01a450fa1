import { expect } from 'vitest';
import type { HostDrops } from './host-drops.ts';
import type { CountedDirection, CountedResult } from './numbered-packets.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** What a row measured, for the list of rows at the end of the run. */
    figures?: string;
  }
}

/** One line for the report of the run. */
export function figuresOf({ up, down, drops }: CountedResult): string {
  const one = (name: string, way: CountedDirection): string =>
    `${name} ${way.sent} at ${way.perSecond}/s, ${way.lost} lost, ${way.duplicates} doubled, ${way.reordered} reordered, stall ${way.longestStallMs} ms`;
  const dropped = Object.entries({ ...drops.first, ...drops.second });
  const kernel = dropped.length > 0 ? `; kernel drops ${JSON.stringify(drops)}` : '';
  return `${one('up', up)}; ${one('down', down)}${kernel}`;
}

/** A sender whose timer is this late was left without a processor, and so was whoever else was on the machine. */
const busyMachineMs = 40;

/** Fails unless every numbered packet came once and in order, at `leastPerSecond` or more; the message tells which did not,
 * when, and what the kernels dropped. What a kernel has counted as dropped at a full queue is no loss of the tunnel when
 * the senders, which are no part of it, were left without a processor as well, or the queue is strongSwan's; otherwise it is.
 */
export function expectLossless(result: CountedResult, leastPerSecond: number): void {
  const { up, down, drops } = result;
  const isBusy = Math.max(up.longestStallMs, down.longestStallMs) >= busyMachineMs;
  const excused = [drops.first, drops.second].reduce(
    (sum, of) => sum + queueDrops(of, 'strongSwan: ') + (isBusy ? queueDrops(of, '') : 0),
    0,
  );
  for (const way of ['up', 'down'] as const) {
    const { duplicates, reordered, refused, receiverDrops, missing, perSecond } = result[way];
    const seen = { way, duplicates, reordered, refused, receiverDrops };
    const none = { way, duplicates: 0, reordered: 0, refused: 0, receiverDrops: 0 };
    expect(seen, JSON.stringify({ missing, drops })).toEqual(none);
    expect(perSecond, `packets a second, ${way}`).toBeGreaterThanOrEqual(leastPerSecond);
  }
  const about = JSON.stringify({ up, down, drops });
  expect(Math.max(0, up.lost + down.lost - excused), `lost: ${about}`).toBe(0);
}

/** Each once: `udp InErrors` has those of `udp RcvbufErrors` in it. */
function queueDrops(drops: HostDrops, prefix: string): number {
  return (drops[`${prefix}udp RcvbufErrors`] ?? 0) + (drops[`${prefix}ipsec0 tx`] ?? 0);
}
