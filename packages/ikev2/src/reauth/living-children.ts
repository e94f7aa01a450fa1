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

/** Which Child SA a reauthentication moves in IKE_AUTH: one that is there. */
export function firstChild({ childName, takesOver }: IkeSession): ChildSa | undefined {
  const living = takesOver ? livingChildren(takesOver) : [];
  return living.find(({ config }) => config.name === childName) ?? living[0];
}
