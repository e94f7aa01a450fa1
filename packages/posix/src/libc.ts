import { layoutMismatch, STRUCT_LAYOUTS, type StructLayout } from './struct-layout.ts';

/** The foreign function interface. */
export type Koffi = typeof import('koffi');

/** The raw calls: pointers are numbers (addresses have 48 bits, a double holds 53), and a failure is -1 with errno set. */
export interface Libc {
  open(path: string, flags: number): number;
  close(fd: number): number;
  ioctl(fd: number, request: number, argument: number): number;
  read(fd: number, address: number, length: number): number;
  write(fd: number, address: number, length: number): number;
  /** In a pool thread; errno is that of another thread and so not to be had. */
  pollAsync(address: number, count: number, timeoutMs: number, done: PollDone): void;
  eventfd(initial: number, flags: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  errno(): number;
  /** Where `memory` begins; valid while its buffer lives. */
  addressOf(memory: Uint8Array): number;
}

/** Gets the result of poll(2), or the reason why it could not be called. */
export type PollDone = (error: unknown, result: number) => void;

/** Declares the calls in the libc that Node itself is linked with, glibc or musl.
 * ioctl and fcntl are declared with their third argument: on the supported processors variable arguments
 * travel like fixed ones.
 */
export function bindLibc(
  koffi: Koffi,
): { readonly ok: true; readonly libc: Libc } | { readonly ok: false; readonly reason: string } {
  const mismatch = layoutMismatch(STRUCT_LAYOUTS, measureWith(koffi));
  if (mismatch) return { ok: false, reason: mismatch };
  const library = koffi.load(null);
  const poll = library.func('int poll(uintptr_t fds, unsigned long count, int timeout)');
  const libc: Libc = {
    open: library.func('int open(const char *path, int flags)'),
    close: library.func('int close(int fd)'),
    ioctl: library.func('int ioctl(int fd, unsigned long request, uintptr_t argument)'),
    read: library.func('intptr_t read(int fd, uintptr_t memory, uintptr_t length)'),
    write: library.func('intptr_t write(int fd, uintptr_t memory, uintptr_t length)'),
    pollAsync: poll.async,
    eventfd: library.func('int eventfd(unsigned int initial, int flags)'),
    fcntl: library.func('int fcntl(int fd, int command, int argument)'),
    errno: () => koffi.errno(),
    addressOf: (memory) => Number(koffi.address(memory)),
  };
  return { ok: true, libc };
}

/** Asks koffi how this machine lays out structures. */
export function measureWith(koffi: Koffi): {
  sizeOf(layout: StructLayout): number;
  offsetOf(layout: StructLayout, field: string): number;
} {
  const typeOf = (layout: StructLayout) =>
    koffi.struct(
      Object.fromEntries(
        Object.entries(layout.fields).map(([name, { type, count }]) => [
          name,
          count === undefined ? type : koffi.array(type, count),
        ]),
      ),
    );
  return {
    sizeOf: (layout) => koffi.sizeof(typeOf(layout)),
    offsetOf: (layout, field) => koffi.offsetof(typeOf(layout), field),
  };
}
