import { constants as fsConstants } from 'node:fs';
import { constants as osConstants } from 'node:os';
import type { Libc } from './libc.ts';
import type { PollRequest, Posix } from './posix.ts';
import { PosixError } from './posix-error.ts';
import { POLLFD } from './struct-layout.ts';

// Linux, include/uapi/asm-generic/fcntl.h and linux/eventfd.h: EFD_* are the O_* of the same name.
const O_CLOEXEC = 0o2000000;
const F_GETFL = 3;
const F_SETFL = 4;
const EVENTFD_BYTES = 8;
const MOST_POLLED = 1024;

/** Builds the checked calls on the raw ones. */
export function createPosix(libc: Libc): Posix {
  const { EAGAIN, EINTR } = osConstants.errno;
  const counter = new Uint8Array(EVENTFD_BYTES);
  const addresses = createAddressBook(libc);

  function checked(syscall: string, result: number): number {
    if (result < 0) throw new PosixError(syscall, libc.errno());
    return result;
  }

  function readChecked(fd: number, address: number, length: number): number {
    for (;;) {
      const count = libc.read(fd, address, length);
      if (count >= 0) return count;
      const errno = libc.errno();
      if (errno === EAGAIN) return -1;
      if (errno !== EINTR) throw new PosixError('read', errno);
    }
  }

  return {
    open: (path, flags) => checked('open', libc.open(path, flags | O_CLOEXEC)),
    close(fd: number): void {
      checked('close', libc.close(fd));
    },
    ioctl: (fd, request, argument) =>
      checked('ioctl', libc.ioctl(fd, request, addresses.at(argument, 0, argument.length))),
    read: (fd, memory, offset, length) =>
      readChecked(fd, addresses.at(memory, offset, length), length),
    ioctlNumber: (fd, request, argument) => checked('ioctl', libc.ioctl(fd, request, argument)),
    write(fd: number, memory: Uint8Array, offset: number, length: number): number {
      const address = addresses.at(memory, offset, length);
      for (;;) {
        const count = libc.write(fd, address, length);
        if (count >= 0) return count;
        const errno = libc.errno();
        if (errno !== EINTR) return -errno;
      }
    },
    poll: (requests, timeoutMs) => poll(libc, requests, timeoutMs),
    eventfd: () => checked('eventfd', libc.eventfd(0, O_CLOEXEC | fsConstants.O_NONBLOCK)),
    signalEventfd(fd: number): void {
      counter.fill(0);
      counter[0] = 1;
      const result = libc.write(fd, addresses.at(counter, 0, EVENTFD_BYTES), EVENTFD_BYTES);
      // EAGAIN: the counter is full, so the waiter is awake already.
      if (result < 0 && libc.errno() !== EAGAIN) throw new PosixError('write', libc.errno());
    },
    clearEventfd: (fd) =>
      readChecked(fd, addresses.at(counter, 0, EVENTFD_BYTES), EVENTFD_BYTES) > 0,
    setNonBlocking(fd: number, isNonBlocking: boolean): void {
      const flags = checked('fcntl', libc.fcntl(fd, F_GETFL, 0));
      const wanted = isNonBlocking
        ? flags | fsConstants.O_NONBLOCK
        : flags & ~fsConstants.O_NONBLOCK;
      checked('fcntl', libc.fcntl(fd, F_SETFL, wanted));
    },
  };
}

function poll(
  libc: Libc,
  requests: readonly PollRequest[],
  timeoutMs: number,
): Promise<readonly number[]> {
  if (requests.length === 0 || requests.length > MOST_POLLED) {
    throw new RangeError(
      `"requests" expected 1 to ${MOST_POLLED} descriptors, got ${requests.length}`,
    );
  }
  const { fd, events, revents } = POLLFD.fields;
  const memory = new Uint8Array(POLLFD.sizeBytes * requests.length);
  const view = new DataView(memory.buffer);
  for (const [i, request] of requests.entries()) {
    view.setInt32(i * POLLFD.sizeBytes + fd.offset, request.fd, true);
    view.setInt16(i * POLLFD.sizeBytes + events.offset, request.events, true);
  }
  return new Promise((resolve, reject) => {
    libc.pollAsync(libc.addressOf(memory), requests.length, timeoutMs, (error) => {
      if (error) reject(error);
      // Reading the answer here also keeps the memory alive while the pool thread writes to it.
      else
        resolve(requests.map((_, i) => view.getInt16(i * POLLFD.sizeBytes + revents.offset, true)));
    });
  });
}

/** Remembers where buffers lie: asking for it costs as much as a system call. */
function createAddressBook(libc: Libc): {
  /** The address of `memory[offset]`. @throws RangeError when the range does not lie within `memory`. */
  at(memory: Uint8Array, offset: number, length: number): number;
} {
  const known = new WeakMap<ArrayBufferLike, number>();
  return {
    at(memory: Uint8Array, offset: number, length: number): number {
      const isInside =
        Number.isInteger(offset) &&
        Number.isInteger(length) &&
        offset >= 0 &&
        length >= 0 &&
        offset + length <= memory.length;
      if (!isInside) {
        throw new RangeError(
          `"offset" and "length" expected to lie within ${memory.length} bytes, got ${offset} and ${length}`,
        );
      }
      let start = known.get(memory.buffer);
      if (start === undefined) {
        start = libc.addressOf(memory) - memory.byteOffset;
        known.set(memory.buffer, start);
      }
      return start + memory.byteOffset + offset;
    },
  };
}
