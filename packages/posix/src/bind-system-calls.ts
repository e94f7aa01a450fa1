import type { Koffi } from './libc.ts';
import { mapMemory } from './map-memory.ts';
import type { SystemCalls } from './system-calls.ts';

/** Declares the calls in the libc that Node itself is linked with, pointers as numbers. */
export function bindSystemCalls(koffi: Koffi): SystemCalls {
  const library = koffi.load(null);
  // The arguments are declared once here; what comes back is -1 and an errno of this thread, or the result.
  const declare =
    (signature: string) =>
    (...types: readonly string[]): ((...values: number[]) => number) =>
      library.func(`${signature}(${types.join(', ')})`);
  const POINTER = 'uintptr_t';
  const read = declare('intptr_t read')('int', POINTER, POINTER);
  const write = declare('intptr_t write')('int', POINTER, POINTER);
  const readv = declare('intptr_t readv')('int', POINTER, 'int');
  const writev = declare('intptr_t writev')('int', POINTER, 'int');
  const poll = declare('int poll')(POINTER, 'unsigned long', 'int');
  const eventfd = declare('int eventfd')('unsigned int', 'int');
  const close = declare('int close')('int');
  const ioctl = declare('int ioctl')('int', 'unsigned long', POINTER);
  const socket = declare('int socket')('int', 'int', 'int');
  const socketpair = declare('int socketpair')('int', 'int', 'int', POINTER);
  const bind = declare('int bind')('int', POINTER, 'uint32_t');
  const getsockname = declare('int getsockname')('int', POINTER, POINTER);
  const setsockopt = declare('int setsockopt')('int', 'int', 'int', POINTER, 'uint32_t');
  const getsockopt = declare('int getsockopt')('int', 'int', 'int', POINTER, POINTER);
  const recvmsg = declare('intptr_t recvmsg')('int', POINTER, 'int');
  const sendmsg = declare('intptr_t sendmsg')('int', POINTER, 'int');
  const recvmmsg = declare('int recvmmsg')('int', POINTER, 'unsigned int', 'int', POINTER);
  const sendmmsg = declare('int sendmmsg')('int', POINTER, 'unsigned int', 'int');
  const checked = (result: number): number => (result < 0 ? -koffi.errno() : result);

  return {
    read: (fd, address, length) => checked(read(fd, address, length)),
    write: (fd, address, length) => checked(write(fd, address, length)),
    readv: (fd, vectors, count) => checked(readv(fd, vectors, count)),
    writev: (fd, vectors, count) => checked(writev(fd, vectors, count)),
    poll: (entries, count, timeoutMs) => checked(poll(entries, count, timeoutMs)),
    eventfd: (initial, flags) => checked(eventfd(initial, flags)),
    close: (fd) => checked(close(fd)),
    ioctl: (fd, request, argument) => checked(ioctl(fd, request, argument)),
    socket: (domain, type, protocol) => checked(socket(domain, type, protocol)),
    socketpair: (domain, type, protocol, fds) => checked(socketpair(domain, type, protocol, fds)),
    bind: (fd, name, nameBytes) => checked(bind(fd, name, nameBytes)),
    getsockname: (fd, name, nameBytes) => checked(getsockname(fd, name, nameBytes)),
    setsockopt: (fd, level, option, value, valueBytes) =>
      checked(setsockopt(fd, level, option, value, valueBytes)),
    getsockopt: (fd, level, option, value, valueBytes) =>
      checked(getsockopt(fd, level, option, value, valueBytes)),
    recvmsg: (fd, message, flags) => checked(recvmsg(fd, message, flags)),
    sendmsg: (fd, message, flags) => checked(sendmsg(fd, message, flags)),
    recvmmsg: (fd, messages, count, flags) => checked(recvmmsg(fd, messages, count, flags, 0)),
    sendmmsg: (fd, messages, count, flags) => checked(sendmmsg(fd, messages, count, flags)),
    mapMemory: mapMemory(koffi),
    addressOf: (memory) => Number(koffi.address(memory)),
  };
}
