import type { ChildSa } from './child-sa.ts';

/** What has replaced a Child SA, perhaps by way of others, in another IKE SA: a reauthentication has moved it.
 * @param children - those of its own IKE SA.
 * @returns the id; `undefined` when what has replaced it, if anything, is one of its own IKE SA.
 */
export function replacementElsewhere(
  children: ReadonlyMap<number, ChildSa>,
  child: ChildSa,
): number | undefined {
  let last = child;
  // There are no more steps than Child SAs.
  for (let steps = 0; steps <= children.size; steps += 1) {
    const next = children.get(last.replacedBy ?? 0);
    if (!next) return last.replacedBy;
    last = next;
  }
  return undefined;
}
