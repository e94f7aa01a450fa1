import type { ChildSa } from '../child/child-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { latestOf } from './latest-of.ts';

/** The Child SAs that a session is to keep when its IKE SA is replaced: those that nobody closes. */
export function livingChildren(session: IkeSession): readonly ChildSa[] {
  return [...latestOf(session).children.values()].filter(
    ({ deleting, replacedBy, isRedundant }) =>
      deleting === undefined && replacedBy === undefined && !isRedundant,
  );
}

/** Which Child SA IKE_AUTH asks for: in a reauthentication one that is there. */
export function firstChildName({ childName, takesOver }: IkeSession): string | undefined {
  const names = takesOver ? livingChildren(takesOver).map(({ config }) => config.name) : [];
  return childName !== undefined && names.includes(childName) ? childName : (names[0] ?? childName);
}
