const tickMs = 10;
/** What is under way when the senders stop has this long to arrive, and what comes after it again. */
const quietMs = 1_000;
/** Whoever still gets packets then is not getting the last ones. */
const mostMs = 10_000;

/** Resolves when nothing has been counted for a second in which this program ran: a machine that leaves nobody a processor keeps what
 * is under way where it is.
 */
export function afterQuiet(count) {
  return new Promise((resolve) => {
    let [seen, forMs, inAllMs, last] = [count(), 0, 0, performance.now()];
    const timer = setInterval(() => {
      const at = performance.now();
      const ranMs = Math.min(at - last, 2 * tickMs);
      last = at;
      inAllMs += ranMs;
      forMs = count() === seen ? forMs + ranMs : 0;
      seen = count();
      if (forMs < quietMs && inAllMs < mostMs) return;
      clearInterval(timer);
      resolve();
    }, tickMs);
  });
}
