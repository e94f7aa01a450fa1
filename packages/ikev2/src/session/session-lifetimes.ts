import type { Instant } from '@ipsec-kit/clock';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from './ike-session.ts';

/** When something is replaced, and when it ends without a replacement; absent: not by time, or it has begun. */
export interface Lifetimes {
  readonly rekeyAt?: Instant;
  readonly endsAt?: Instant;
}

/** What lies before a session. */
export interface SessionLifetimes extends Lifetimes {
  /** When this side begins the next reauthentication. */
  readonly reauthenticateAt?: Instant;
  /** By the id of the child. */
  readonly children: ReadonlyMap<number, Lifetimes>;
}

/** The deadlines of the keys of a session and of its children. @see RFC 7296 §2.8 */
export function lifetimesOf(context: EndpointContext, session: IkeSession): SessionLifetimes {
  const { id, rekeyAt, expiresAt } = session;
  const reauthenticateAt = context.deadlines.at(id, 'reauth');
  const reauthOverAt = context.deadlines.at(id, 'reauth-over');
  const ends = [expiresAt, reauthOverAt].filter((at) => at !== undefined);
  const [endsAt] = ends.toSorted((a, b) => a - b);
  const children = [...session.children.values()].map(
    (child) => [child.id, lifetimes(child.softAt, child.expiresAt)] as const,
  );
  return {
    ...lifetimes(rekeyAt, endsAt),
    ...(reauthenticateAt === undefined ? {} : { reauthenticateAt }),
    children: new Map(children),
  };
}

function lifetimes(rekeyAt: Instant | undefined, endsAt: Instant | undefined): Lifetimes {
  return {
    ...(rekeyAt === undefined ? {} : { rekeyAt }),
    ...(endsAt === undefined ? {} : { endsAt }),
  };
}
