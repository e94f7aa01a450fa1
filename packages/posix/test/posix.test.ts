import { constants } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadPosix, POLLIN, POLLNVAL, type Posix, PosixError } from '../src/index.ts';

function linuxPosix(): Posix {
  const loaded = loadPosix();
  if (!loaded.ok) throw new Error(loaded.reason);
  return loaded.posix;
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

// Elsewhere there is nothing to call; that loadPosix says so is tested in load-posix.test.ts.
describe.runIf(process.platform === 'linux')('the calls on Linux', () => {
  let posix: Posix;
  beforeAll(() => {
    posix = linuxPosix();
  });
  const open: number[] = [];
  const keep = (fd: number): number => {
    open.push(fd);
    return fd;
  };
  afterEach(() => {
    for (const fd of open.splice(0)) posix.close(fd);
  });

  it('opens, reads into the middle of memory, and closes', () => {
    const fd = keep(posix.open('/proc/self/comm', constants.O_RDONLY));
    const memory = new Uint8Array(64).fill(0xee);
    const length = posix.read(fd, memory, 10, 40);
    expect(length).toBeGreaterThan(1);
    expect(memory[9]).toBe(0xee);
    expect(memory[10 + length - 1]).toBe(0x0a);
    expect(memory[10 + length]).toBe(0xee);
  });

  it('reads into a view that does not begin where its buffer begins', () => {
    const fd = keep(posix.open('/proc/self/comm', constants.O_RDONLY));
    const buffer = new Uint8Array(256).fill(0xee);
    const view = buffer.subarray(100, 140);
    const length = posix.read(fd, view, 4, 36);
    expect(buffer[104 + length - 1]).toBe(0x0a);
    expect(buffer[103]).toBe(0xee);
  });

  it('names what failed and why', () => {
    const error = thrownBy(() => posix.open('/nonexistent/device', constants.O_RDWR));
    expect(error).toBeInstanceOf(PosixError);
    expect(error).toMatchObject({ code: 'ENOENT', syscall: 'open', errno: 2 });
    expect(error).toHaveProperty('message', 'open: ENOENT, no such file or directory');
  });

  it('throws on a descriptor that is not open, and returns the errno of a refused write', () => {
    const fd = posix.eventfd();
    posix.close(fd);
    expect(thrownBy(() => posix.read(fd, new Uint8Array(8), 0, 8))).toHaveProperty('code', 'EBADF');
    expect(thrownBy(() => posix.close(fd))).toHaveProperty('code', 'EBADF');
    expect(posix.write(fd, new Uint8Array(8), 0, 8)).toBe(-9);
  });

  it('refuses ranges outside of the memory before calling', () => {
    const memory = new Uint8Array(8);
    for (const [offset, length] of [
      [0, 9],
      [8, 1],
      [-1, 4],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      expect(thrownBy(() => posix.read(0, memory, offset, length))).toBeInstanceOf(RangeError);
      expect(thrownBy(() => posix.write(1, memory, offset, length))).toBeInstanceOf(RangeError);
    }
  });

  it('refuses memory that was transferred away', () => {
    const memory = new Uint8Array(64);
    const fd = keep(posix.eventfd());
    posix.signalEventfd(fd);
    posix.read(fd, memory, 0, 8);
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    expect(thrownBy(() => posix.read(fd, memory, 0, 8))).toBeInstanceOf(RangeError);
  });

  it('answers -1 when there is nothing to read', () => {
    expect(posix.read(keep(posix.eventfd()), new Uint8Array(8), 0, 8)).toBe(-1);
  });

  it('clears an eventfd once, however often it was signalled', () => {
    const fd = keep(posix.eventfd());
    posix.signalEventfd(fd);
    posix.signalEventfd(fd);
    expect(posix.clearEventfd(fd)).toBe(true);
    expect(posix.clearEventfd(fd)).toBe(false);
  });

  it('returns from poll without events when the time is over', async () => {
    const fd = keep(posix.eventfd());
    expect(await posix.poll([{ fd, events: POLLIN }], 1)).toEqual([0]);
  });

  it('wakes a poll that waits without end, and tells which descriptor it was', async () => {
    const quiet = keep(posix.eventfd());
    const woken = keep(posix.eventfd());
    const polled = posix.poll(
      [
        { fd: quiet, events: POLLIN },
        { fd: woken, events: POLLIN },
      ],
      -1,
    );
    setImmediate(() => posix.signalEventfd(woken));
    expect(await polled).toEqual([0, POLLIN]);
  });

  it('reports a descriptor that is not open', async () => {
    const fd = posix.eventfd();
    posix.close(fd);
    expect(await posix.poll([{ fd, events: POLLIN }], -1)).toEqual([POLLNVAL]);
  });

  it('refuses to poll nothing', () => {
    expect(thrownBy(() => posix.poll([], 0))).toBeInstanceOf(RangeError);
  });

  it('sets and clears O_NONBLOCK', () => {
    const fd = keep(posix.eventfd());
    posix.setNonBlocking(fd, false);
    posix.signalEventfd(fd);
    expect(posix.clearEventfd(fd)).toBe(true);
    posix.setNonBlocking(fd, true);
    expect(posix.clearEventfd(fd)).toBe(false);
  });

  it('passes memory to ioctl and reports its refusal', () => {
    const fd = keep(posix.open('/dev/null', constants.O_RDWR));
    const error = thrownBy(() => posix.ioctl(fd, 0x400454ca, new Uint8Array(40)));
    expect(error).toMatchObject({ code: 'ENOTTY', syscall: 'ioctl' });
  });
});
