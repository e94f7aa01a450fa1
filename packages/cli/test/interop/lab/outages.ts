import type { NumberedDirection } from './numbered-packets.ts';

/** Packets of a direction that are still missing at its end for this long were not under way any more. */
const longestTailMs = 500;

/** How long one direction of numbered packets was interrupted at most, in time that its sender ran; `undefined` when it did not
 * come back. A machine that leaves everybody without a processor for seconds would be measured otherwise, and not the tunnel.
 */
export function outageMs(way: NumberedDirection): number | undefined {
  if (way.received === 0 || way.tailOutageMs > longestTailMs) return undefined;
  return Math.round(way.longestOutageMs);
}

/** `outage up 20 ms, 3 of 1000 lost` for the report of the run. */
export function outageText(name: string, way: NumberedDirection): string {
  const ms = outageMs(way);
  const outage = ms === undefined ? 'did not come back' : `outage ${ms} ms`;
  return `${name} ${outage}, ${way.lost} of ${way.sent} lost`;
}
