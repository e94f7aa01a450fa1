import {
  addMs,
  type Clock,
  type Instant,
  instantFromMs,
  type SleepAwareClock,
  VirtualClock,
} from '@ipsec-kit/clock';
import type { SystemClock } from '@ipsec-kit/clock/system';
import { describe, expect, it } from 'vitest';

/** Whether an instant of the kind I can be waited for on a clock of the kind C. */
type CanWaitFor<
  C extends { wakeAt(at: never, wake: () => void): unknown },
  I,
> = I extends Parameters<C['wakeAt']>[0] ? true : false;

describe('the type of an instant', () => {
  it('keeps a deadline of one clock from being waited for on another', () => {
    const own: CanWaitFor<SystemClock, Instant<'system'>> = true;
    const foreign: CanWaitFor<SystemClock, Instant<'browser'>> = false;
    const nameless: CanWaitFor<SystemClock, Instant> = false;
    const otherVirtual: CanWaitFor<VirtualClock<'left'>, Instant<'right'>> = false;
    expect([own, foreign, nameless, otherVirtual]).toEqual([true, false, false, false]);
  });

  it('is kept by arithmetic', () => {
    const at: Instant<'left'> = addMs(new VirtualClock<'left'>().now(), 5);
    expect(at).toBe(5);
  });

  it('does not burden code that works with one clock only', () => {
    const use = (clock: Clock): Instant => addMs(clock.now(), 1);
    const named: Clock<'left'> = new VirtualClock<'left'>();
    expect(use(named)).toBe(1);
    const aware: CanWaitFor<Clock, ReturnType<SleepAwareClock<'left'>['now']>> = true;
    expect(aware).toBe(true);
    expect(instantFromMs(3)).toBe(3);
  });
});
