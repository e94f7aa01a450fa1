import { intersectSelectors, type TrafficSelector } from '@ipsec-kit/ip';
import { HELD_FOR_ALL_TRAPS, HELD_PER_TRAP, HeldQueue, HoldingTotal } from './held-queue.ts';
import { requireSelectors } from './installed-pair.ts';
import type { Trap } from './trap.ts';

/** A trap in the databases of an engine, and what it caught. */
export interface InstalledTrap {
  readonly id: number;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
  readonly held: HeldQueue;
  /** The packet for which an SA is wanted; `undefined` while the trap is armed. */
  trigger: Uint8Array | undefined;
  /** Whether the control plane has been told of `trigger`. */
  acquireReported: boolean;
}

/** The traps of an engine, and inner packets that wait to be taken, since an SA covers them by now. */
export class OutboundTraps {
  /** What all traps hold together. */
  readonly total: HoldingTotal = new HoldingTotal(HELD_FOR_ALL_TRAPS);
  readonly byId: Map<number, InstalledTrap> = new Map();
  /** In the order in which they are to be sent. */
  readonly ready: HeldQueue = new HeldQueue(HELD_FOR_ALL_TRAPS, this.total);

  /** @throws when the id stands already, or there are no selectors. */
  install(trap: Trap): InstalledTrap {
    const { id, localSelectors, remoteSelectors } = trap;
    requireSelectors('trap.localSelectors', localSelectors);
    requireSelectors('trap.remoteSelectors', remoteSelectors);
    if (this.byId.has(id)) {
      throw new Error(`"trap.id" expected one that is not installed, got ${id}`);
    }
    const installed: InstalledTrap = {
      id,
      localSelectors: [...localSelectors],
      remoteSelectors: [...remoteSelectors],
      held: new HeldQueue(HELD_PER_TRAP, this.total),
      trigger: undefined,
      acquireReported: false,
    };
    this.byId.set(id, installed);
    return installed;
  }

  /** Arms a trap again. @returns how many packets were given up. */
  rearm(trap: InstalledTrap): number {
    trap.trigger = undefined;
    trap.acquireReported = false;
    return trap.held.clear();
  }
}

/** Holds a packet, at the cost of those that waited longest. @returns how many were dropped for want of room. */
export function holdForTrap(trap: InstalledTrap, data: Uint8Array): number {
  let dropped = 0;
  while (!trap.held.hasRoomFor(data.length)) {
    dropped += 1;
    if (!trap.held.shift()) return dropped;
  }
  trap.held.push({ data, path: new Uint8Array(0), trafficClass: 0 });
  return dropped;
}

/** Whether some packet may match both lists. */
export function selectorsOverlap(
  some: readonly TrafficSelector[],
  others: readonly TrafficSelector[],
): boolean {
  return some.some((one) => others.some((other) => intersectSelectors(one, other) !== undefined));
}
