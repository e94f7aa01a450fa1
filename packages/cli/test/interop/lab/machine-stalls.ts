const tickMs = 10;
/** A tick that is this late belongs to a program that has something to do; what goes beyond is the machine's. */
const usualMs = 30;

/** A watch on the machine: this program only waits, and when its timer is late nobody had a processor. */
export interface MachineStalls {
  /** How much of the time from `from` to `to` (milliseconds since 1970) the machine was away. */
  within(from: number, to: number): number;
  stop(): void;
}

/** Begins to watch. What is promised in seconds is promised by the tunnel, and not by a machine that is shared with others. */
export function watchStalls(): MachineStalls {
  const stalls: { readonly from: number; readonly to: number }[] = [];
  let last = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - last > tickMs + usualMs) stalls.push({ from: last + tickMs, to: now });
    last = now;
  }, tickMs);
  return {
    within: (from, to) =>
      stalls.reduce(
        (sum, stall) => sum + Math.max(0, Math.min(to, stall.to) - Math.max(from, stall.from)),
        0,
      ),
    stop: () => clearInterval(timer),
  };
}
