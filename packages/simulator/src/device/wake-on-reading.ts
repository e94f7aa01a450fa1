import { addMs, type CancelWake, type Clock } from '@ipsec-kit/clock';

/** Least wait when a reading is short of its mark by the rounding of fractions. */
const LEAST_WAIT_MS = 0.001;

/** Calls `wake` once a reading that advances with the world has come to `atMs`, never before: a difference of two sums may
 * round to an instant just before it, and a wake that comes too early is asked for again for ever.
 */
export function wakeOnReading(
  world: Clock,
  readMs: () => number,
  atMs: number,
  wake: () => void,
): CancelWake {
  let cancel: CancelWake;
  const arm = (leastMs: number): void => {
    const waitMs = Math.max(leastMs, atMs - readMs());
    cancel = world.wakeAt(addMs(world.now(), waitMs), () => {
      if (readMs() < atMs) arm(LEAST_WAIT_MS);
      else wake();
    });
  };
  arm(0);
  return () => cancel();
}
