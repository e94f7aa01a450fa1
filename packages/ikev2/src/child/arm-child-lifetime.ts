import type { Instant } from '@ipsec-kit/clock';
import { type EndpointContext, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Sets the deadline for the Child SA whose soft or hard lifetime ends first, or whose DELETE has no answer in its time. */
export function armChildLifetime(context: EndpointContext, session: IkeSession): void {
  let first: { at: Instant; label: string } | undefined;
  for (const { softAt, expiresAt, deleting, config } of session.children.values()) {
    if (deleting === undefined && softAt !== undefined && (!first || softAt < first.at)) {
      first = { at: softAt, label: `rekey of ${config.name}` };
    }
    if (expiresAt !== undefined && (!first || expiresAt < first.at)) {
      first = { at: expiresAt, label: `end of life of ${config.name}` };
    }
  }
  if (!first) context.deadlines.clear(session.id, 'child-lifetime');
  else setTimer(context, session, 'child-lifetime', first.at, { label: first.label });
}
