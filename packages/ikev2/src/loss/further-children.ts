import { underWay } from '../procedures/under-way.ts';
import { predecessorsOf } from '../reauth/predecessors-of.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Names of what a session that is lost carried or was about to, beside the child that is opened first in its place.
 * @param first - the name of that one, taken out once; `undefined` where none is chosen yet.
 */
export function furtherChildren(session: IkeSession, first: string | undefined): readonly string[] {
  const left = predecessorsOf(session).flatMap(({ children }) => [...children.values()]);
  const names = [...session.children.values(), ...left.filter(({ isMoved }) => !isMoved)]
    .filter(({ replacedBy, deleting }) => replacedBy === undefined && deleting === undefined)
    .map(({ config }) => config.name);
  for (const procedure of underWay(session)) {
    if (procedure.kind === 'create-child') names.push(procedure.name);
  }
  names.push(...session.furtherChildren);
  const at = first === undefined ? -1 : names.indexOf(first);
  return at < 0 ? names : names.toSpliced(at, 1);
}
