/** Memory outside of the JavaScript heap at a fixed address: packets in it are (offset, length), pointers to it are
 * plain numbers, exact below 2^53.
 */
export interface MappedMemory {
  /** Page-aligned, zero at first. Never detached. */
  readonly bytes: Uint8Array;
  /** Where `bytes[0]` lies. */
  readonly address: number;
  /** Overwrites it with zeros and gives its pages back to the system; harmless when repeated. The range of addresses
   * itself goes when the last view is collected, so that a forgotten view reads zeros and never another's memory.
   */
  release(): void;
}

/** libc calls on raw addresses, for the packet path: synchronous, nothing allocated, nothing checked. An address that
 * is wrong ends the process, so addresses come from {@link MappedMemory} or {@link SystemCalls.addressOf} alone.
 * Every call returns its result, or the negated errno. Usable in any thread; a blocking `poll` blocks its thread.
 */
export interface SystemCalls {
  read(fd: number, address: number, length: number): number;
  write(fd: number, address: number, length: number): number;
  /** readv(2). @param vectors - address of `count` iovecs. */
  readv(fd: number, vectors: number, count: number): number;
  /** writev(2). @param vectors - address of `count` iovecs. */
  writev(fd: number, vectors: number, count: number): number;
  /** poll(2), in this thread. @param entries - address of `count` pollfds. @param timeoutMs - -1 waits without end. */
  poll(entries: number, count: number, timeoutMs: number): number;
  eventfd(initial: number, flags: number): number;
  close(fd: number): number;
  /** @param argument - an address, or a number for requests that take one. */
  ioctl(fd: number, request: number, argument: number): number;
  socket(domain: number, type: number, protocol: number): number;
  /** @param fds - address of two ints. */
  socketpair(domain: number, type: number, protocol: number, fds: number): number;
  bind(fd: number, name: number, nameBytes: number): number;
  /** @param nameBytes - address of a socklen_t: room at `name` before, length afterwards. */
  getsockname(fd: number, name: number, nameBytes: number): number;
  setsockopt(fd: number, level: number, option: number, value: number, valueBytes: number): number;
  /** @param valueBytes - address of a socklen_t: room at `value` before, length afterwards. */
  getsockopt(fd: number, level: number, option: number, value: number, valueBytes: number): number;
  /** @param message - address of a msghdr. */
  recvmsg(fd: number, message: number, flags: number): number;
  /** @param message - address of a msghdr. */
  sendmsg(fd: number, message: number, flags: number): number;
  /** recvmmsg(2) without a timeout. @param messages - address of `count` mmsghdrs. @returns how many were filled. */
  recvmmsg(fd: number, messages: number, count: number, flags: number): number;
  /** @param messages - address of `count` mmsghdrs. @returns how many were sent. */
  sendmmsg(fd: number, messages: number, count: number, flags: number): number;
  /** Maps anonymous memory, left out of core dumps.
   * @param memory - taken instead where it is given: as many bytes of zeros, of pages that nothing else lies in, never detached.
   * @throws PosixError when the system has none.
   */
  mapMemory(sizeBytes: number, memory?: Uint8Array): MappedMemory;
  /** Where `memory[0]` lies, for as long as its buffer lives; costs as much as a system call. */
  addressOf(memory: Uint8Array): number;
}

/** The calls are to be had, and passed their checks, or one sentence says why not. */
export type SystemCallsResult =
  | { readonly ok: true; readonly calls: SystemCalls }
  | { readonly ok: false; readonly reason: string };
