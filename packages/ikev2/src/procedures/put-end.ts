import type { SessionFailure } from '../events.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Puts the end of an IKE SA before all that waits, of which only the Child SAs stay that are asked for: what takes its place may make
 * them.
 */
export function putEnd({ queue }: IkeSession, failure: SessionFailure): void {
  const wishes = queue.filter(({ kind }) => kind === 'create-child');
  queue.splice(0, queue.length, { kind: 'delete-ike', failure }, ...wishes);
}
