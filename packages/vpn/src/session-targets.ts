import type { ConnectionConfig } from '@ipsec-kit/ikev2';
import type { SessionBook, StandingSession } from './session-book.ts';
import type { SessionRequest } from './session-request.ts';
import { VpnError } from './vpn-error.ts';

/** A Child SA, and the session that it belongs to. */
export interface ChildTarget {
  readonly session: StandingSession;
  readonly id: number;
  readonly name: string;
}

/** The sessions that a request is for: all that stand, unless it says which.
 * @throws VpnError `config` for a connection that does not exist, `no-such-target` when no such session stands.
 */
export function targetSessions(
  book: Pick<SessionBook, 'standing'>,
  connections: readonly ConnectionConfig[],
  { ike, session, peer }: SessionRequest,
): readonly StandingSession[] {
  const names = connections.map(({ name }) => name);
  if (ike !== undefined && !names.includes(ike)) {
    throw new VpnError(
      'config',
      `There is no connection "${ike}"; there are: ${names.join(', ')}.`,
    );
  }
  const { standing } = book;
  const found = standing.filter(
    (one) =>
      (ike === undefined || one.connection === ike) &&
      (session === undefined || one.id === session) &&
      (peer === undefined || one.remoteIdentity.toLowerCase() === peer.toLowerCase()),
  );
  if (found.length > 0) return found;
  const wanted = [
    ...(ike === undefined ? [] : [` of ${ike}`]),
    ...(session === undefined ? [] : [` with the id ${session}`]),
    ...(peer === undefined ? [] : [` with ${peer}`]),
  ].join('');
  const others = standing.map(({ id, remoteIdentity }) => `${id} with ${remoteIdentity}`);
  throw new VpnError(
    'no-such-target',
    others.length === 0
      ? 'No session stands.'
      : `No session${wanted} stands; there are: ${shortened(others)}.`,
  );
}

/** The Child SAs of a name in some sessions.
 * @throws VpnError `config` for a child that no connection has, `no-such-target` when none stands.
 */
export function targetChildren(
  sessions: readonly StandingSession[],
  connections: readonly ConnectionConfig[],
  name: string,
): readonly ChildTarget[] {
  const found = sessions.flatMap((session) =>
    session.children
      .filter((child) => child.name === name)
      .map(({ id }) => ({ session, id, name })),
  );
  if (found.length > 0) return found;
  connectionsWithChild(connections, name);
  const open = sessions.flatMap(({ children }) => children.map((child) => child.name));
  const there = open.length === 0 ? 'none is' : `there are: ${shortened([...new Set(open)])}`;
  throw new VpnError(
    'no-such-target',
    `No Child SA ${name} is open; ${there}. Open it with initiate.`,
  );
}

/** The connections that have a child of a name.
 * @throws VpnError `config` naming those that there are.
 */
export function connectionsWithChild(
  connections: readonly ConnectionConfig[],
  name: string,
): readonly ConnectionConfig[] {
  const found = connections.filter(({ children }) => children.some((one) => one.name === name));
  if (found.length > 0) return found;
  const names = connections.flatMap(({ children }) => children.map((child) => child.name));
  throw new VpnError(
    'config',
    `There is no child "${name}"; there are: ${shortened([...new Set(names)])}.`,
  );
}

const MAX_LISTED = 10;

function shortened(texts: readonly string[]): string {
  const more = texts.length - MAX_LISTED;
  return [...texts.slice(0, MAX_LISTED), ...(more > 0 ? [`${more} more`] : [])].join(', ');
}
