import { POLLIN, type Posix } from '@ipsec-kit/posix';

/** Waits for descriptors in a thread of libuv's pool, and calls back in this one. */
export interface DescriptorWatch {
  /** Begins to wait for what `descriptors` names each time.
   * @param ready - some of them are readable. @param failed - waiting has ended for good.
   */
  start(
    descriptors: () => readonly number[],
    ready: () => void,
    failed: (error: Error) => void,
  ): void;
  /** Other descriptors are to be waited for. */
  changed(): void;
  /** Waits no more for a descriptor; it may be closed when this resolves. */
  forget(fd: number): Promise<void>;
  /** Ends the waiting thread; harmless when repeated. */
  close(): Promise<void>;
}

/** Prepares to wait. */
export function watchDescriptors(posix: Posix): DescriptorWatch {
  const wake = posix.eventfd();
  const forgotten = new Set<number>();
  let isClosing = false;
  let running: Promise<void> = Promise.resolve();
  let closed: Promise<void> | undefined;
  /** Resolves when the poll at hand has returned. */
  let returned: Promise<unknown> = Promise.resolve();

  async function run(descriptors: () => readonly number[], ready: () => void): Promise<void> {
    while (!isClosing) {
      const fds = descriptors().filter((fd) => !forgotten.has(fd));
      const requests = [wake, ...fds].map((fd) => ({ fd, events: POLLIN }));
      const polled = posix.poll(requests, -1);
      returned = polled.catch(() => undefined);
      const [, ...events] = await polled;
      posix.clearEventfd(wake);
      if (!isClosing && events.some((event) => event !== 0)) ready();
    }
  }

  const wakeAtExit = (): void => posix.signalEventfd(wake);

  async function closeAll(): Promise<void> {
    isClosing = true;
    process.off('exit', wakeAtExit);
    posix.signalEventfd(wake);
    await running;
    posix.close(wake);
  }

  return {
    start(descriptors, ready, failed): void {
      // A process that exits waits for its pool threads, so the one in poll has to be woken.
      process.once('exit', wakeAtExit);
      running = run(descriptors, ready).catch((error: unknown) => {
        failed(error instanceof Error ? error : new Error(String(error)));
      });
    },
    changed(): void {
      if (!isClosing) posix.signalEventfd(wake);
    },
    async forget(fd: number): Promise<void> {
      forgotten.add(fd);
      if (!isClosing) posix.signalEventfd(wake);
      await returned;
      // Its number is free for another socket from here on.
      setImmediate(() => forgotten.delete(fd));
    },
    close(): Promise<void> {
      closed ??= closeAll();
      return closed;
    },
  };
}
