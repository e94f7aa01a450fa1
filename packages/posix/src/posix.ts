/** What a descriptor is waited for. Numbers as in poll(2). */
export const POLLIN = 0x001;
/** Writable. */
export const POLLOUT = 0x004;
/** An error condition; reported without being asked for. */
export const POLLERR = 0x008;
/** The other end is gone; reported without being asked for. */
export const POLLHUP = 0x010;
/** Not an open descriptor; reported without being asked for. */
export const POLLNVAL = 0x020;

/** A descriptor and the events to wait for. */
export interface PollRequest {
  readonly fd: number;
  readonly events: number;
}

/** The libc calls that Node lacks. A failure throws {@link PosixError}; calls on memory check its bounds first.
 * Descriptors are numbers that the caller owns and closes.
 */
export interface Posix {
  /** open(2) with O_CLOEXEC. @param flags - of `node:fs` constants. @returns a descriptor. */
  open(path: string, flags: number): number;
  /** close(2). */
  close(fd: number): void;
  /** ioctl(2) with a pointer to `argument`, which the kernel may change. */
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** ioctl(2) for the requests that take a number instead. */
  ioctlNumber(fd: number, request: number, argument: number): number;
  /** read(2) into `memory[offset .. offset + length)`, for descriptors that do not block.
   * @returns the bytes read; -1 when there is nothing to read now (EAGAIN).
   */
  read(fd: number, memory: Uint8Array, offset: number, length: number): number;
  /** write(2) from `memory[offset .. offset + length)`, for descriptors that do not block.
   * @returns the bytes written; a negated errno when the kernel refused: a dropped packet is no exception.
   */
  write(fd: number, memory: Uint8Array, offset: number, length: number): number;
  /** Waits in a thread of libuv's pool until an event comes or the time is over; it keeps the process alive
   * and one pool thread busy. Wake it through an eventfd in the list: it cannot be cancelled.
   * @param timeoutMs - -1 waits without end.
   * @returns what came for each descriptor, in the order of `requests`; all 0 when the time is over or a signal came.
   */
  poll(requests: readonly PollRequest[], timeoutMs: number): Promise<readonly number[]>;
  /** eventfd(2) that neither blocks nor is inherited; its counter begins at 0. */
  eventfd(): number;
  /** Adds 1 to an eventfd: wakes who polls it. */
  signalEventfd(fd: number): void;
  /** Sets the counter of an eventfd back to 0. @returns whether it had been signalled. */
  clearEventfd(fd: number): boolean;
  /** Sets or clears O_NONBLOCK through fcntl(2). */
  setNonBlocking(fd: number, isNonBlocking: boolean): void;
}

/** Finding libc and talking to it either works or is explained. */
export type PosixResult =
  | { readonly ok: true; readonly posix: Posix }
  | { readonly ok: false; readonly reason: string };
