import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

const namesByNumber: ReadonlyMap<number, string> = new Map(
  // Some numbers have two names; the first that is entered here last wins: EAGAIN, not EWOULDBLOCK.
  Object.entries(constants.errno)
    .map(([name, number]): [number, string] => [number, name])
    .reverse(),
);

/** Numbers that Node does not name and that devices answer with. @see Linux, include/uapi/asm-generic/errno.h */
const linuxNames: Readonly<Record<number, string>> = { 77: 'EBADFD', 112: 'EHOSTDOWN' };

/** A system call that failed. */
export class PosixError extends Error {
  override readonly name: string = 'PosixError';
  /** `EPERM`, `ENODEV`, ...; `errno 123` for a number without a name. */
  readonly code: string;
  readonly errno: number;
  /** The call that failed: `open`, `ioctl`, ... */
  readonly syscall: string;

  constructor(syscall: string, errno: number) {
    const code = errnoName(errno);
    const meaning = getSystemErrorMap().get(-errno)?.[1];
    super(meaning ? `${syscall}: ${code}, ${meaning}` : `${syscall}: ${code}`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
  }
}

/** The name of an errno number of this system; `errno 123` for one without a name. */
export function errnoName(errno: number): string {
  return namesByNumber.get(errno) ?? linuxNames[errno] ?? `errno ${errno}`;
}
