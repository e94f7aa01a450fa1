import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pausingWait } from '../src/packet-wait.ts';

describe('a wait that nothing ends but time', () => {
  let nowMs = 0;
  beforeEach(() => {
    nowMs = 0;
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** How long it takes, in whole milliseconds. */
  async function pauseOf(wait: ReturnType<typeof pausingWait>, hasCarried: boolean) {
    let isOver = false;
    const over = wait.next(hasCarried).then((isThere) => {
      isOver = true;
      expect(isThere).toBe(true);
    });
    const from = nowMs;
    while (!isOver && nowMs - from < 1000) {
      nowMs += 1;
      await vi.advanceTimersByTimeAsync(1);
    }
    await over;
    return nowMs - from;
  }

  it('grows with the silence, up to 10 ms, and is short again after packets', async () => {
    const wait = pausingWait(() => nowMs);
    expect(await pauseOf(wait, true)).toBe(1);
    nowMs += 80;
    expect(await pauseOf(wait, false)).toBe(5);
    nowMs += 60_000;
    expect(await pauseOf(wait, false)).toBe(10);
    expect(await pauseOf(wait, true)).toBe(1);
  });

  it('is over at once when packets were written, and when it is closed', async () => {
    const wait = pausingWait(() => nowMs);
    for (const end of [wait.wrote, wait.close]) {
      const over = wait.next(false);
      end();
      expect(await over).toBe(true);
      expect(vi.getTimerCount()).toBe(0);
    }
  });
});
