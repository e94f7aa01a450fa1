import { newRingMemory, ringBytes } from './handover-ring.ts';

/** What several workers of one device share, as one of them is told. */
export interface WorkerGroup {
  /** Its own place, from 0. */
  readonly index: number;
  readonly count: number;
  /** Wakes each worker from poll; open until all have ended. */
  readonly wakeFds: readonly number[];
  /** Rings with packets that others have handed over, and those for them; `undefined` at its own place. */
  readonly incoming: readonly (SharedArrayBuffer | undefined)[];
  readonly outgoing: readonly (SharedArrayBuffer | undefined)[];
  /** A word for each worker: 1 while it waits in poll, or is about to. */
  readonly asleep: SharedArrayBuffer;
}

/** Which worker an SA belongs to, whose SPI for packets to us this is: the rule by which the kernel gives ESP to sockets that share a port.
 * @see openSharedDescriptors of udp-adapter
 */
export function ownerOf(spi: number, count: number): number {
  return (spi >>> 0) % count;
}

/** Makes what so many workers share. @returns one for each. */
export function createWorkerGroups(wakeFds: readonly number[]): readonly WorkerGroup[] {
  const count = wakeFds.length;
  const asleep = new SharedArrayBuffer(4 * count);
  const bytes = ringBytes(count * (count - 1));
  const rings = wakeFds.map((_, from) =>
    wakeFds.map((_, to) => (from === to ? undefined : newRingMemory(bytes))),
  );
  return wakeFds.map((_, index) => ({
    index,
    count,
    wakeFds,
    incoming: rings.map((outgoing) => outgoing[index]),
    outgoing: rings[index] ?? [],
    asleep,
  }));
}
