import { POLLIN, type Posix } from '@ipsec-kit/posix';

const shared = new WeakMap<Posix, DescriptorPoller>();

/** The one poller of this process, for everybody who waits for a descriptor. */
export function sharedPoller(posix: Posix): DescriptorPoller {
  let poller = shared.get(posix);
  if (poller === undefined) {
    poller = new DescriptorPoller(posix);
    shared.set(posix, poller);
  }
  return poller;
}

/** Waits for several descriptors in one thread of libuv's pool, and only while there are any: each thread that sits in a poll is
 * one of four by default that name look-ups and files wait for.
 */
export class DescriptorPoller {
  readonly #posix: Posix;
  readonly #watched = new Map<number, () => void>();
  #wake: number | undefined;

  constructor(posix: Posix) {
    this.#posix = posix;
  }

  /** Calls `onReadable` whenever there is something to read, until the returned function is called; it keeps the process alive. Read
   * all there is, and close the descriptor only after that function.
   * @throws PosixError when too many files are open to begin with.
   */
  watch(fd: number, onReadable: () => void): () => void {
    // Opened here, where the caller hears of a failure.
    const wake = this.#wake ?? this.#posix.eventfd();
    this.#watched.set(fd, onReadable);
    if (this.#wake === undefined) void this.#run(wake);
    else this.#kick();
    return () => {
      if (this.#watched.get(fd) !== onReadable) return;
      this.#watched.delete(fd);
      this.#kick();
    };
  }

  #kick(): void {
    if (this.#wake !== undefined) this.#posix.signalEventfd(this.#wake);
  }

  async #run(wake: number): Promise<void> {
    this.#wake = wake;
    // A poll in the pool cannot be cancelled, and the end of the process waits for the pool.
    const wakeAtExit = (): void => this.#posix.signalEventfd(wake);
    process.on('exit', wakeAtExit);
    try {
      while (this.#watched.size > 0) await this.#once(wake);
    } finally {
      process.off('exit', wakeAtExit);
      this.#wake = undefined;
      this.#posix.close(wake);
    }
  }

  async #once(wake: number): Promise<void> {
    const fds = [...this.#watched.keys()];
    const requests = [wake, ...fds].map((fd) => ({ fd, events: POLLIN }));
    const [woken = 0, ...ready] = await this.#posix.poll(requests, -1);
    if (woken !== 0) this.#posix.clearEventfd(wake);
    fds.forEach((fd, index) => {
      // One that ran before may have ended the watch of another.
      if ((ready[index] ?? 0) !== 0) this.#watched.get(fd)?.();
    });
  }
}
