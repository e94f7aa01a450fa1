import { type Proposal, type Transform, TransformType } from '@ipsec-kit/ikev2-codec';

/** The value 0 of the registry of key exchange methods: none. */
const KE_NONE = 0;

/** Whether a transform type is one of ADDKE1 to ADDKE7. @see RFC 9370 §2.2.1 */
export function isAdditional(type: number): boolean {
  return type >= TransformType.ADDKE1 && type <= TransformType.ADDKE7;
}

/** Whether a proposal names additional key exchanges, be it only NONE. */
export function hasAdditional({ transforms }: Pick<Proposal, 'transforms'>): boolean {
  return transforms.some(({ type }) => isAdditional(type));
}

/** The key exchanges that chosen transforms have beside the first, in the order in which they are performed: that of their
 * types. NONE is left out. @see RFC 9370 §2.2.1
 */
export function additionalMethods(transforms: readonly Transform[]): readonly number[] {
  return transforms
    .filter(({ type, id }) => isAdditional(type) && id !== KE_NONE)
    .toSorted((a, b) => a.type - b.type)
    .map(({ id }) => id);
}

/** Chooses one transform for every additional type of an offer. A type that a side leaves out is NONE there; no method but
 * NONE is chosen twice, and a choice gives way where another type could not be met otherwise.
 * @param isSame - whether two transforms are the same algorithm.
 * @returns `undefined` when that cannot be done.
 * @see RFC 9370 §2.2.1
 */
export function chooseAdditional(
  offered: readonly Transform[],
  own: readonly Transform[],
  isSame: (a: Transform, b: Transform) => boolean,
): readonly Transform[] | undefined {
  const types = new Set([...offered, ...own].map(({ type }) => type).filter(isAdditional));
  const order = [...types].toSorted((a, b) => a - b);
  const choices = order.map((type) => {
    const theirs = orNone(offered, type);
    return orNone(own, type).filter((one) => theirs.some((other) => isSame(one, other)));
  });
  const chosen = withoutRepetition(choices);
  return chosen?.filter(({ type }) => offered.some((transform) => transform.type === type));
}

function orNone(transforms: readonly Transform[], type: number): readonly Transform[] {
  const some = transforms.filter((transform) => transform.type === type);
  return some.length > 0 ? some : [{ type, id: KE_NONE }];
}

/** Takes the first of each row that is not taken; where all are, moves whoever has one to another of his own. The work is
 * bounded: there are seven rows, and each moves at most once to make room for one.
 */
function withoutRepetition(
  rows: readonly (readonly Transform[])[],
): readonly Transform[] | undefined {
  const chosen: Transform[] = [];
  const holders = new Map<number, number>();
  const take = (row: number, transform: Transform): true => {
    if (transform.id !== KE_NONE) holders.set(transform.id, row);
    chosen[row] = transform;
    return true;
  };
  const place = (row: number, tried: ReadonlySet<number>): boolean => {
    const choices = (rows[row] ?? []).filter(({ id }) => !tried.has(id));
    const free = choices.find(({ id }) => !holders.has(id));
    if (free) return take(row, free);
    const seen = new Set([...tried, ...choices.map(({ id }) => id)]);
    const won = choices.find(({ id }) => place(holders.get(id) ?? row, seen));
    return won !== undefined && take(row, won);
  };
  return rows.every((_, row) => place(row, new Set())) ? chosen : undefined;
}
