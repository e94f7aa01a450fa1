import { type Deadline, earlierOf, type Instant } from '@ipsec-kit/clock';
import type { PathMtuState } from './path-mtu-state.ts';

const PROBE_TOLERANCE_MS = 250;

/** When a discovery goes on by itself.
 * @param mayRaise - whether a larger size than the one in use is left to be tried.
 * @param confirmMs - how long a size is used before it is tried again itself.
 */
export function pathMtuDeadline(
  state: PathMtuState,
  mayRaise: boolean,
  confirmMs: number,
): Deadline | undefined {
  switch (state.kind) {
    case 'stopped':
      return undefined;
    case 'found': {
      const { raiseAt, confirmAt, idleMs } = state;
      if (idleMs !== undefined) return deadline('path-mtu-idle', confirmAt, idleMs / 4);
      const at = mayRaise ? earlierOf(raiseAt, confirmAt) : confirmAt;
      return deadline('path-mtu-probe', at, confirmMs / 4);
    }
    case 'pausing':
      return deadline('path-mtu-retry', state.until, state.pauseMs / 4);
    default:
      return deadline('path-mtu-answer', state.trial.waitUntil, PROBE_TOLERANCE_MS);
  }
}

/** No device is woken for a probe: while it sleeps nothing is too large. */
function deadline(name: string, at: Instant, toleranceMs: number): Deadline {
  return { name, at, toleranceMs, wake: 'process' };
}
