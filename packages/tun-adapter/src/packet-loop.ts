import { commitPacket, createPacketBatch, type PacketBatch } from '@ipsec-kit/ip';
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, type Posix } from '@ipsec-kit/posix';
import type { TunCounters } from './tun-adapter.ts';
import { TunError } from './tun-error.ts';

/** Behind each packet, for what sealing appends: padding, its length, next header, ICV. */
const TAILROOM_BYTES = 128;
/** Full batches read in one go before other work of the process has its turn. */
const BATCHES_PER_TURN = 4;

/** What the loop works on. */
export interface PacketLoopOptions {
  readonly posix: Posix;
  /** Of a TUN device that delivers whole IP packets; does not block. The loop owns and closes it. */
  readonly fd: number;
  readonly name: string;
  readonly mtu: number;
  readonly batchPackets: number;
  readonly headroomBytes: number;
}

/** Reads and writes packets of a descriptor in batches. Waits in a thread of libuv's pool, reads in this one. */
export interface PacketLoop {
  readonly counters: TunCounters;
  /** Begins to read at the first call. */
  onPackets(handler: (batch: PacketBatch) => void): void;
  onError(handler: (error: Error) => void): void;
  reportError(error: Error): void;
  write(batch: PacketBatch): number;
  /** Makes room for packets of a new MTU. */
  resize(mtu: number): void;
  /** Ends the waiting thread and closes the descriptor; harmless when repeated. */
  close(): Promise<void>;
}

/** Prepares the loop; nothing is read before somebody listens. */
export function createPacketLoop(options: PacketLoopOptions): PacketLoop {
  const { posix, fd, name, headroomBytes, batchPackets } = options;
  const counters: { -readonly [Name in keyof TunCounters]: number } = {
    read: 0,
    readDrops: 0,
    written: 0,
    writeDrops: 0,
  };
  const wake = posix.eventfd();
  let batch = allocate(options.mtu);
  let packetsHandler: ((batch: PacketBatch) => void) | undefined;
  let errorHandler: ((error: Error) => void) | undefined;
  let running: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  function allocate(mtu: number): PacketBatch {
    const slotBytes = headroomBytes + mtu + TAILROOM_BYTES;
    // The other half is left free: a packet that has to be fragmented becomes several.
    const capacity = 2 * batchPackets;
    return createPacketBatch({ capacity, slotBytes, headroom: headroomBytes });
  }

  /** Reads until the batch is half full or nothing is left. @returns whether more may wait. */
  function readBatch(into: PacketBatch): boolean {
    const room = into.slotBytes - headroomBytes - TAILROOM_BYTES;
    into.count = 0;
    while (into.count < batchPackets) {
      const offset = into.count * into.slotBytes + headroomBytes;
      const length = posix.read(fd, into.memory, offset, room);
      if (length <= 0) return false;
      commitPacket(into, offset, length);
      counters.read += 1;
    }
    return true;
  }

  /** @returns whether more may wait when its turn is over. */
  function readTurn(): boolean {
    for (let i = 0; i < BATCHES_PER_TURN && !closing; i += 1) {
      const current = batch;
      const mayHaveMore = readBatch(current);
      if (current.count > 0) packetsHandler?.(current);
      if (!mayHaveMore) return false;
    }
    return true;
  }

  async function run(): Promise<void> {
    const requests = [
      { fd, events: POLLIN },
      { fd: wake, events: POLLIN },
    ];
    while (!closing) {
      const [events = 0] = await posix.poll(requests, -1);
      if (closing) return;
      if ((events & (POLLERR | POLLHUP | POLLNVAL)) !== 0) throw gone(name);
      while (!closing && readTurn()) await nextTurn();
    }
  }

  function reportError(error: Error): void {
    errorHandler?.(error);
  }

  // A process that exits waits for its pool threads, so the one in poll has to be woken.
  const wakeAtExit = (): void => posix.signalEventfd(wake);

  async function closeAll(): Promise<void> {
    process.off('exit', wakeAtExit);
    posix.signalEventfd(wake);
    await running;
    posix.close(wake);
    posix.close(fd);
  }

  return {
    counters,
    reportError,
    onPackets(handler: (batch: PacketBatch) => void): void {
      packetsHandler = handler;
      if (running || closing) return;
      process.once('exit', wakeAtExit);
      running = run().catch((error: unknown) => {
        if (!closing) reportError(error instanceof TunError ? error : gone(name, error));
      });
    },
    onError(handler: (error: Error) => void): void {
      errorHandler = handler;
    },
    write({ memory, offsets, lengths, count }: PacketBatch): number {
      if (closing) {
        counters.writeDrops += count;
        return 0;
      }
      let taken = 0;
      for (let i = 0; i < count; i += 1) {
        // A refused packet (malformed, or the device is down) is a drop, as on any link.
        if (posix.write(fd, memory, offsets[i] ?? 0, lengths[i] ?? 0) >= 0) taken += 1;
      }
      counters.written += taken;
      counters.writeDrops += count - taken;
      return taken;
    },
    resize(mtu: number): void {
      if (headroomBytes + mtu + TAILROOM_BYTES > batch.slotBytes) batch = allocate(mtu);
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
