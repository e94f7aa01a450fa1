import { constants as osConstants } from 'node:os';
import { type Koffi, measureWith } from './libc.ts';
import { machineFault, requireKoffi, whyNotLoaded } from './load-posix.ts';
import { PosixError } from './posix-error.ts';
import { layoutMismatch } from './struct-layout.ts';
import type { TimerCalls, TimerCallsResult } from './timer-calls.ts';
import { ITIMERSPEC, TIMER_LAYOUTS, TIMESPEC } from './timer-layout.ts';

// Linux, include/uapi/linux/timerfd.h; TFD_* for creation are the O_* of the same name.
const TFD_NONBLOCK = 0o4000;
const TFD_CLOEXEC = 0o2000000;
const TFD_TIMER_ABSTIME = 1;
const TFD_TIMER_CANCEL_ON_SET = 2;
/** A date that does not come: timers for it never expire. */
const FAR_AWAY_SECONDS = 2n ** 40n;
const EXPIRATIONS_BYTES = 8;

let loaded: TimerCallsResult | undefined;

/** Loads clocks and timers through koffi, once, and compares their structures with those of this machine.
 * @returns the calls, or one sentence why they are not to be had. Never throws.
 */
export function loadTimerCalls(): TimerCallsResult {
  loaded ??= loadTimers(process.platform, process.arch, requireKoffi);
  return loaded;
}

/** {@link loadTimerCalls} without its memory, with the machine and the way to koffi handed in. */
export function loadTimers(platform: string, arch: string, koffi: () => Koffi): TimerCallsResult {
  const fault = machineFault(platform, arch);
  if (fault) return { ok: false, reason: fault };
  try {
    const library = koffi();
    const mismatch = layoutMismatch(TIMER_LAYOUTS, measureWith(library));
    return mismatch ? { ok: false, reason: mismatch } : { ok: true, calls: bindTimers(library) };
  } catch (error) {
    return { ok: false, reason: whyNotLoaded(error) };
  }
}

function bindTimers(koffi: Koffi): TimerCalls {
  const library = koffi.load(null);
  const clockGettime = library.func('int clock_gettime(int clock, uintptr_t time)');
  const timerfdCreate = library.func('int timerfd_create(int clock, int flags)');
  const timerfdSettime = library.func(
    'int timerfd_settime(int fd, int flags, uintptr_t value, uintptr_t before)',
  );
  const read = library.func('intptr_t read(int fd, uintptr_t memory, uintptr_t length)');
  const memory = new Uint8Array(ITIMERSPEC.sizeBytes);
  const view = new DataView(memory.buffer);
  const address = Number(koffi.address(memory));

  function checked(syscall: string, result: number): number {
    if (result < 0) throw new PosixError(syscall, koffi.errno());
    return result;
  }
  function setTime(fd: number, flags: number, seconds: bigint, nanoseconds: bigint): void {
    memory.fill(0);
    view.setBigInt64(ITIMERSPEC.fields.valueSeconds.offset, seconds, true);
    view.setBigInt64(ITIMERSPEC.fields.valueNanoseconds.offset, nanoseconds, true);
    checked('timerfd_settime', timerfdSettime(fd, flags, address, 0));
  }

  return {
    clockMs(clock) {
      checked('clock_gettime', clockGettime(clock, address));
      const seconds = view.getBigInt64(TIMESPEC.fields.seconds.offset, true);
      const nanoseconds = view.getBigInt64(TIMESPEC.fields.nanoseconds.offset, true);
      return Number(seconds) * 1e3 + Number(nanoseconds) / 1e6;
    },
    timerfd: (clock) => checked('timerfd_create', timerfdCreate(clock, TFD_NONBLOCK | TFD_CLOEXEC)),
    armTimerfd(fd, inMs) {
      // Zero would disarm.
      const nanoseconds = BigInt(Math.max(1, Math.ceil(inMs * 1e6)));
      setTime(fd, 0, nanoseconds / 1_000_000_000n, nanoseconds % 1_000_000_000n);
    },
    disarmTimerfd: (fd) => setTime(fd, 0, 0n, 0n),
    watchClockJumps: (fd) =>
      setTime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, FAR_AWAY_SECONDS, 0n),
    readTimerfd(fd) {
      if (read(fd, address, EXPIRATIONS_BYTES) > 0) return 'expired';
      const errno = koffi.errno();
      if (errno === osConstants.errno.EAGAIN || errno === osConstants.errno.EINTR) return 'nothing';
      if (errno === osConstants.errno.ECANCELED) return 'cancelled';
      throw new PosixError('read', errno);
    },
  };
}
