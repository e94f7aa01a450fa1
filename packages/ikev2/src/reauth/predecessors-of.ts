import type { IkeSession } from '../session/ike-session.ts';

/** The IKE SAs whose place a session has taken and that are not deleted yet, the latest first: when both sides reauthenticate
 * there are several.
 */
export function predecessorsOf({ predecessor }: IkeSession): readonly IkeSession[] {
  const found: IkeSession[] = [];
  for (let old = predecessor; old; old = old.predecessor) found.push(old);
  return found;
}
