import { readdirSync, readFileSync } from 'node:fs';
import type { IpsecKit } from './ipsec-kit.ts';

/** What a process holds at a moment. */
export interface Footprint {
  readonly residentMegabytes: number;
  /** Open files, sockets and devices. */
  readonly descriptors: number;
}

/** Looks at a process that runs. */
export function footprintOf({ process: { child } }: IpsecKit): Footprint {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return {
    residentMegabytes: Number(status.match(/VmRSS:\s+(\d+)/)?.[1]) / 1024,
    descriptors: readdirSync(`/proc/${child.pid}/fd`).length,
  };
}

/** By how much something grew for good: the least of the last third of the looks above the most of the first third.
 * A peak in between is no growth, and what is given back is none either.
 * @returns 0 or less when it did not.
 */
export function lastingGrowth(
  looks: readonly Footprint[],
  of: (footprint: Footprint) => number,
): number {
  const third = Math.max(1, Math.floor(looks.length / 3));
  const values = looks.map(of);
  return Math.min(...values.slice(-third)) - Math.max(...values.slice(0, third));
}
