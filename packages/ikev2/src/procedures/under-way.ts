import type { IkeSession } from '../session/ike-session.ts';
import type { Procedure } from './procedure.ts';

/** The work of an IKE SA that is out, waits, or was put off, in this order. */
export function underWay({ running, queue, postponed }: IkeSession): Procedure[] {
  const waiting = [...queue, ...postponed.map(({ procedure }) => procedure)];
  return running ? [running.procedure, ...waiting] : waiting;
}
