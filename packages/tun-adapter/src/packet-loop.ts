import { closeSync } from 'node:fs';
import type { PacketBatch } from '@ipsec-kit/ip';
import { fileCalls } from './file-calls.ts';
import { tunQueueOn } from './open-tun-queue.ts';
import type { PacketWait } from './packet-wait.ts';
import type { TunCounters } from './tun-adapter.ts';
import { TunError } from './tun-error.ts';
import type { TunOffloads, TunQueue } from './tun-queue.ts';
import { newTunCounters, type WritableTunCounters } from './tun-reader.ts';

const EBADFD = 77;

/** What the loop works on. */
export interface PacketLoopOptions {
  /** Of a TUN device that delivers whole IP packets; does not block. The loop owns and closes it. */
  readonly fd: number;
  readonly name: string;
  /** Absent: packets have no vnet header in front. */
  readonly offloads: TunOffloads | undefined;
  readonly wait: PacketWait;
  readonly mtu: number;
  readonly batchPackets: number;
  readonly headroomBytes: number;
}

/** Reads and writes packets of a descriptor in batches, in the thread of the caller. */
export interface PacketLoop {
  readonly counters: TunCounters;
  /** Begins to read at the first call. */
  onPackets(handler: (batch: PacketBatch) => void): void;
  onError(handler: (error: Error) => void): void;
  reportError(error: Error): void;
  write(batch: PacketBatch): number;
  /** Makes room for packets of a new MTU. */
  resize(mtu: number): void;
  /** Ends the waiting and closes the descriptor; harmless when repeated. */
  close(): Promise<void>;
}

/** Prepares the loop; nothing is read before somebody listens. */
export function createPacketLoop(options: PacketLoopOptions): PacketLoop {
  const { fd, name, offloads, wait, headroomBytes, batchPackets } = options;
  const counters: WritableTunCounters = newTunCounters();
  let { mtu } = options;
  let queue = open();
  let packetsHandler: ((batch: PacketBatch) => void) | undefined;
  let errorHandler: ((error: Error) => void) | undefined;
  let hasWritten = false;
  let running: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  function open(): TunQueue {
    const shape = { name, mtu, batchPackets, headroomBytes, keepsOpen: true };
    return tunQueueOn(fileCalls(), fd, offloads, shape, counters);
  }

  /** One batch: then other work of the process has its turn.
   * @returns whether it pays to look again before waiting: packets came, or went, and the host may answer them.
   */
  function readTurn(): boolean {
    const current = queue;
    hasWritten = false;
    current.read();
    if (current.packets.count > 0) packetsHandler?.(current.packets);
    else if (current.lastErrno === EBADFD) throw gone(name);
    return current.packets.count > 0;
  }

  async function run(): Promise<void> {
    let readBefore = counters.read;
    while (!closing) {
      const isThere = await wait.next(counters.read > readBefore);
      if (closing) return;
      if (!isThere) throw gone(name);
      readBefore = counters.read;
      // A look in vain costs less than a wait.
      for (let isBusy = true; isBusy && !closing; isBusy ||= hasWritten) {
        isBusy = readTurn();
        await nextTurn();
      }
    }
  }

  function reportError(error: Error): void {
    errorHandler?.(error);
  }

  async function closeAll(): Promise<void> {
    wait.close();
    await running;
    queue.close();
    closeSync(fd);
  }

  return {
    counters,
    reportError,
    onPackets(handler: (batch: PacketBatch) => void): void {
      packetsHandler = handler;
      if (running || closing) return;
      running = run().catch((error: unknown) => {
        if (!closing) reportError(error instanceof TunError ? error : gone(name, error));
      });
    },
    onError(handler: (error: Error) => void): void {
      errorHandler = handler;
    },
    write(batch: PacketBatch): number {
      if (closing) {
        counters.writeDrops += batch.count;
        return 0;
      }
      const taken = queue.write(batch);
      hasWritten = true;
      wait.wrote();
      return taken;
    },
    resize(wanted: number): void {
      if (wanted <= mtu) return;
      mtu = wanted;
      queue.close();
      queue = open();
    },
    close(): Promise<void> {
      closing ??= closeAll();
      return closing;
    },
  };
}

function gone(name: string, cause?: unknown): TunError {
  const detail = cause instanceof Error ? ` (${cause.message})` : '';
  return new TunError(
    'EBADFD',
    `the TUN device ${name} does not work any more${detail}: it was removed by someone else, start the tunnel again`,
    { cause },
  );
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
