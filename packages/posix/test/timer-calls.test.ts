import {
  CLOCK_BOOTTIME,
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  loadPosix,
  loadTimerCalls,
  POLLIN,
  PosixError,
  type TimerCalls,
} from '@ipsec-kit/posix';
import { describe, expect, it } from 'vitest';
import { loadTimers } from '../src/load-timer-calls.ts';

const isLinux = process.platform === 'linux';

function timers(): TimerCalls {
  const loaded = loadTimerCalls();
  if (!loaded.ok) throw new Error(loaded.reason);
  return loaded.calls;
}

function withTimer(clock: number, use: (fd: number) => Promise<void>): Promise<void> {
  const loaded = loadPosix();
  if (!loaded.ok) throw new Error(loaded.reason);
  const fd = timers().timerfd(clock);
  return use(fd).finally(() => loaded.posix.close(fd));
}

function waitFor(fd: number, timeoutMs: number): Promise<readonly number[]> {
  const loaded = loadPosix();
  if (!loaded.ok) throw new Error(loaded.reason);
  return loaded.posix.poll([{ fd, events: POLLIN }], timeoutMs);
}

describe.runIf(isLinux)('clocks', () => {
  it('agree with those of Node', () => {
    const calls = timers();
    expect(Math.abs(calls.clockMs(CLOCK_REALTIME) - Date.now())).toBeLessThan(1_000);
    const monotonic = Number(process.hrtime.bigint()) / 1e6;
    expect(Math.abs(calls.clockMs(CLOCK_MONOTONIC) - monotonic)).toBeLessThan(1_000);
    const boottime = calls.clockMs(CLOCK_BOOTTIME);
    expect(boottime).toBeGreaterThanOrEqual(calls.clockMs(CLOCK_MONOTONIC) - 1_000);
    expect(calls.clockMs(CLOCK_BOOTTIME)).toBeGreaterThanOrEqual(boottime);
  });

  it('that do not exist are an error with a name', () => {
    expect(() => timers().clockMs(99)).toThrow(PosixError);
    expect(() => timers().timerfd(99)).toThrow('timerfd_create: EINVAL');
  });
});

describe.runIf(isLinux)('a timerfd', () => {
  it('expires once, not before its time', () =>
    withTimer(CLOCK_BOOTTIME, async (fd) => {
      const calls = timers();
      expect(calls.readTimerfd(fd)).toBe('nothing');
      const armedAt = calls.clockMs(CLOCK_BOOTTIME);
      calls.armTimerfd(fd, 20.5);
      expect(await waitFor(fd, 5_000)).toEqual([POLLIN]);
      expect(calls.clockMs(CLOCK_BOOTTIME) - armedAt).toBeGreaterThanOrEqual(20.5);
      expect(calls.readTimerfd(fd)).toBe('expired');
      expect(calls.readTimerfd(fd)).toBe('nothing');
    }));

  it('expires at once for what has passed, and never after it was taken back', () =>
    withTimer(CLOCK_BOOTTIME, async (fd) => {
      const calls = timers();
      calls.armTimerfd(fd, -5);
      expect(await waitFor(fd, 5_000)).toEqual([POLLIN]);
      expect(calls.readTimerfd(fd)).toBe('expired');
      calls.armTimerfd(fd, 10);
      calls.disarmTimerfd(fd);
      expect(await waitFor(fd, 30)).toEqual([0]);
    }));

  it('can watch for jumps of the wall clock, and stays quiet without', () =>
    withTimer(CLOCK_REALTIME, async (fd) => {
      timers().watchClockJumps(fd);
      expect(await waitFor(fd, 20)).toEqual([0]);
      expect(timers().readTimerfd(fd)).toBe('nothing');
    }));
});

describe('loadTimerCalls', () => {
  it('says in one sentence why there are none', () => {
    const never = (): never => {
      throw new Error('no koffi here');
    };
    expect(loadTimers('darwin', 'arm64', never)).toMatchObject({ ok: false });
    expect(loadTimers('linux', 'x64', never)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('no koffi here'),
    });
  });
});
