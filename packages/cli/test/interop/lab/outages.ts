import type { NumberedDirection } from './numbered-packets.ts';

/** Packets of a direction that are still missing at its end for this long were not under way any more. */
const tailMs = 500;

/** How long one direction of numbered packets was interrupted at most; `undefined` when it did not come back. */
export function outageMs(way: NumberedDirection): number | undefined {
  const tail = way.missing.at(-1);
  const isLast = tail !== undefined && tail.last === way.sent - 1;
  if (way.received === 0) return undefined;
  if (isLast && ((tail.last - tail.first + 1) * 1000) / way.perSecond > tailMs) return undefined;
  return Math.round(way.longestGap.ms);
}

/** `outage up 20 ms, 3 of 1000 lost` for the report of the run. */
export function outageText(name: string, way: NumberedDirection): string {
  const ms = outageMs(way);
  const outage = ms === undefined ? 'did not come back' : `outage ${ms} ms`;
  return `${name} ${outage}, ${way.lost} of ${way.sent} lost`;
}
