import { addMs } from '@ipsec-kit/clock';
import type { LivenessReason } from '../events.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Bounds of the wait for an answer that is due within a round trip. */
const LEAST_MS = 500;
const MOST_MS = 2_500;
const ROUND_TRIPS = 4;

/** Reasons to ask that mean that the path may be gone. */
const PATH_DOUBTS: ReadonlySet<LivenessReason> = new Set<LivenessReason>([
  'late',
  'slept',
  'connectivity',
  'one-way',
]);

/** Whether the request that is out is about the path: without an answer the path counts as gone, and nothing else is wrong yet. */
export function isAboutPath({ running }: IkeSession): boolean {
  const procedure = running?.procedure;
  if (procedure?.kind === 'liveness') return PATH_DOUBTS.has(procedure.reason);
  return procedure?.kind === 'update-addresses';
}

/** Whether the path in use is known to be silent already. */
export function isSilent({ running }: IkeSession): boolean {
  const procedure = running?.procedure;
  return procedure?.kind === 'liveness' && procedure.reason === 'one-way';
}

/** How long such a request waits before it is sent again: four round trips, from half a second to two and a half. */
export function hurryMs({ liveness }: IkeSession): number {
  return Math.min(MOST_MS, Math.max(LEAST_MS, ROUND_TRIPS * (liveness?.roundTripMs ?? 0)));
}

/** A request about the path has left: it is sent again soon, since it may have been lost because the path is as it is, or because the
 * route was not there yet.
 * @returns whether its deadline is another now.
 */
export function hurry(session: IkeSession): boolean {
  const { requests, mover, addressUpdates } = session;
  const [request] = requests.outstanding;
  if (!request || !mover || !addressUpdates || !isAboutPath(session)) return false;
  return requests.hasten(request.messageId, addMs(request.lastSentAt, hurryMs(session)));
}
