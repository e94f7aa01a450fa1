import { POLLERR, POLLHUP, POLLIN, POLLNVAL, type Posix } from '@ipsec-kit/posix';

/** How long it takes to be looked after again where nothing tells of packets: a 16th of the silence, within these bounds. */
const SHORTEST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 10;
const SILENCE_PARTS = 16;

/** Waits until a device may have packets. */
export interface PacketWait {
  /** @param hasCarried - whether packets came since the last time.
   * @returns false when the device is gone, as far as that can be told without reading.
   */
  next(hasCarried: boolean): Promise<boolean>;
  /** Packets were written: the host may have answered them. */
  wrote(): void;
  /** Ends a wait, and what it needs; harmless when repeated. */
  close(): void;
}

/** Waits in poll(2), in a thread of libuv's pool. */
export function pollingWait(posix: Posix, fd: number): PacketWait {
  const wake = posix.eventfd();
  const requests = [
    { fd, events: POLLIN },
    { fd: wake, events: POLLIN },
  ];
  let polling: Promise<boolean> | undefined;
  let isOpen = true;

  // A process that exits waits for its pool threads, so the one in poll has to be woken.
  const wakeUp = (): void => posix.signalEventfd(wake);
  process.once('exit', wakeUp);

  async function poll(): Promise<boolean> {
    const [events = 0] = await posix.poll(requests, -1);
    return (events & (POLLERR | POLLHUP | POLLNVAL)) === 0;
  }

  return {
    next(): Promise<boolean> {
      polling = poll();
      return polling;
    },
    wrote: () => undefined,
    close(): void {
      if (!isOpen) return;
      isOpen = false;
      process.off('exit', wakeUp);
      wakeUp();
      // Not before the thread has left it.
      const end = (): void => posix.close(wake);
      (polling ?? Promise.resolve()).then(end, end);
    },
  };
}

/** Looks after pauses that grow with the silence, where there is no FFI and nothing can be polled: Node reads a character
 * device in a thread that nobody could wake, or not at all.
 */
export function pausingWait(nowMs: () => number = () => performance.now()): PacketWait {
  let carriedAtMs = nowMs();
  let resume: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;

  function lookNow(): void {
    clearTimeout(timer);
    resume?.();
    resume = undefined;
  }

  return {
    async next(hasCarried): Promise<boolean> {
      const now = nowMs();
      if (hasCarried) carriedAtMs = now;
      const wished = (now - carriedAtMs) / SILENCE_PARTS;
      const pauseMs = Math.min(Math.max(wished, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
      await new Promise<void>((resolve) => {
        resume = resolve;
        timer = setTimeout(lookNow, pauseMs);
      });
      return true;
    },
    wrote: () => lookNow(),
    close: () => lookNow(),
  };
}
