/** What a peer may ask for under an IKE SA that changes SAs. `missing` names a Child SA that is not there (any more). */
export type PeerRequest =
  | 'create-child'
  | 'rekey-child'
  | 'rekey-missing-child'
  | 'delete-child'
  | 'delete-missing-child'
  | 'rekey-ike'
  | 'delete-ike';

/** What this side is doing when the request comes; `same` is the Child SA that the request names.
 * A request of ours counts once it has left: before that it is simply dropped.
 */
export type OwnWork =
  | 'idle'
  | 'creating-child'
  | 'rekeying-same-child'
  /** The peer has answered our rekey of it, and we are still working on the answer. */
  | 'rekeyed-same-child'
  | 'rekeying-other-child'
  /** Both rekey it, and the peer's request has been answered. */
  | 'both-rekeying-same-child'
  /** The peer has rekeyed it, and has not deleted it yet. */
  | 'peer-rekeyed-same-child'
  /** Our DELETE of it is out or waits: the user closed it, or our rekey has replaced it. */
  | 'closing-same-child'
  | 'closing-other-child'
  | 'rekeying-ike'
  /** Both rekey the IKE SA, and the peer's request has been answered. */
  | 'both-rekeying-ike'
  /** The peer has agreed to our rekey of the IKE SA, and additional key exchanges are under way. @see RFC 9370 §2.2.4 */
  | 'following-up-ike'
  /** This IKE SA has been replaced, and waits for its DELETE. */
  | 'rekeyed-ike'
  | 'closing-ike';

/** What the wire gets: the response that the request would have anyhow, one without the Delete payload, or an error. */
export type CollisionAnswer =
  | 'as-usual'
  | 'without-delete'
  | 'TEMPORARY_FAILURE'
  | 'CHILD_SA_NOT_FOUND';

/** What becomes of our own work.
 * - `none`: it goes on.
 * - `compare-nonces`: both results are kept until all four nonces are known; whoever made the one with the lowest deletes it.
 * - `keep-replacement`: the SA goes, and what has replaced it stays.
 * - `drop-own`: ours is forgotten.
 */
export type CollisionEffect = 'none' | 'compare-nonces' | 'keep-replacement' | 'drop-own';

/** One outcome. */
export interface Cell {
  readonly answer: CollisionAnswer;
  readonly effect: CollisionEffect;
  /** Section of RFC 7296. */
  readonly section: string;
}

/** Every meeting of an own procedure with a request of the peer; the code asks it before it answers any.
 * @see RFC 7296 §2.8.1, §2.8.2, §2.25.1, §2.25.2
 */
export const COLLISIONS: Readonly<Record<PeerRequest, Readonly<Record<OwnWork, Cell>>>> = {
  'create-child': {
    ...everywhere(usual('1.3.1')),
    'rekeying-ike': temporary('2.25.2'),
    'both-rekeying-ike': temporary('2.25.2'),
    'following-up-ike': temporary('2.25.2'),
    'rekeyed-ike': temporary('2.25.2'),
    'closing-ike': temporary('2.25.2'),
  },
  'rekey-child': {
    ...everywhere(usual('1.3.3')),
    'rekeying-same-child': { answer: 'as-usual', effect: 'compare-nonces', section: '2.8.1' },
    'rekeyed-same-child': temporary('2.25.1'),
    // The first of its rekeys has been answered already: a second one would leave an SA that nobody deletes.
    'both-rekeying-same-child': temporary('2.25.1'),
    'peer-rekeyed-same-child': temporary('2.25.1'),
    'closing-same-child': temporary('2.25.1'),
    'rekeying-ike': temporary('2.25.2'),
    'both-rekeying-ike': temporary('2.25.2'),
    'following-up-ike': temporary('2.25.2'),
    'rekeyed-ike': temporary('2.25.2'),
    'closing-ike': temporary('2.25.2'),
  },
  'rekey-missing-child': {
    ...everywhere({ answer: 'CHILD_SA_NOT_FOUND', effect: 'none', section: '2.25.1' }),
    // It may be the one that we are asking for: the peer has it at its answer, which can be lost or still be worked on here.
    'creating-child': temporary('2.25'),
    'rekeying-same-child': temporary('2.25'),
    'rekeyed-same-child': temporary('2.25'),
    'rekeying-other-child': temporary('2.25'),
    'both-rekeying-same-child': temporary('2.25'),
    'rekeying-ike': temporary('2.25.2'),
    'both-rekeying-ike': temporary('2.25.2'),
    'following-up-ike': temporary('2.25.2'),
    'rekeyed-ike': temporary('2.25.2'),
    'closing-ike': temporary('2.25.2'),
  },
  'delete-child': {
    ...everywhere(usual('1.4.1')),
    'rekeying-same-child': { answer: 'as-usual', effect: 'none', section: '2.25.1' },
    'rekeyed-same-child': kept('2.8.1'),
    'both-rekeying-same-child': kept('2.8.1'),
    'peer-rekeyed-same-child': kept('2.8'),
    'closing-same-child': {
      answer: 'without-delete',
      effect: 'keep-replacement',
      section: '2.25.1',
    },
    // Whatever becomes of the IKE SA: what the peer has replaced under it is not sent on any more.
    'rekeying-ike': kept('2.25.2'),
    'both-rekeying-ike': kept('2.25.2'),
    'following-up-ike': kept('2.25.2'),
    'rekeyed-ike': kept('2.25.2'),
  },
  'delete-missing-child': everywhere({
    answer: 'without-delete',
    effect: 'none',
    section: '2.25.1',
  }),
  'rekey-ike': {
    ...everywhere(usual('1.3.2')),
    'creating-child': temporary('2.25.1'),
    'rekeying-same-child': temporary('2.25.1'),
    'rekeyed-same-child': temporary('2.25.1'),
    'rekeying-other-child': temporary('2.25.1'),
    'both-rekeying-same-child': temporary('2.25.1'),
    'closing-same-child': temporary('2.25.1'),
    'closing-other-child': temporary('2.25.1'),
    'rekeying-ike': { answer: 'as-usual', effect: 'compare-nonces', section: '2.8.2' },
    'both-rekeying-ike': temporary('2.25.2'),
    'following-up-ike': temporary('2.25.2'),
    'rekeyed-ike': temporary('2.8.2'),
    'closing-ike': temporary('2.25.2'),
  },
  'delete-ike': {
    ...everywhere(usual('1.4.1')),
    'rekeying-ike': { answer: 'as-usual', effect: 'drop-own', section: '2.25.2' },
    'both-rekeying-ike': { answer: 'as-usual', effect: 'keep-replacement', section: '2.8.2' },
    'following-up-ike': { answer: 'as-usual', effect: 'drop-own', section: '2.25.2' },
    'rekeyed-ike': { answer: 'as-usual', effect: 'keep-replacement', section: '2.8' },
    'closing-ike': { answer: 'as-usual', effect: 'drop-own', section: '2.25.2' },
  },
};

/** Errors that end a request of ours without ending anything else, and what is done then.
 * - `retry-later`: the same again after a random pause, a bounded number of times.
 * - `create-anew`: the Child SA is gone there: it goes here as well, and a new one is asked for.
 * - `retry-method`: the same again at once with the key exchange that the peer wants, each tried once.
 * - `take-replacement`: the peer has replaced the SA itself meanwhile, and that is what counts.
 * - `give-up`: the peer will not.
 */
export type RefusalEffect =
  | 'retry-later'
  | 'create-anew'
  | 'retry-method'
  | 'take-replacement'
  | 'give-up';

/** What an error answer to our own CREATE_CHILD_SA does. @see RFC 7296 §1.3, §2.8.1, §2.8.2, §2.25 */
export const REFUSALS: Readonly<
  Record<
    'TEMPORARY_FAILURE' | 'CHILD_SA_NOT_FOUND' | 'INVALID_KE_PAYLOAD' | 'other',
    Readonly<Record<'alone' | 'peer-replaced-it', RefusalEffect>>
  >
> = {
  TEMPORARY_FAILURE: { alone: 'retry-later', 'peer-replaced-it': 'take-replacement' },
  CHILD_SA_NOT_FOUND: { alone: 'create-anew', 'peer-replaced-it': 'take-replacement' },
  INVALID_KE_PAYLOAD: { alone: 'retry-method', 'peer-replaced-it': 'take-replacement' },
  other: { alone: 'give-up', 'peer-replaced-it': 'take-replacement' },
};

function everywhere(cell: Cell): Record<OwnWork, Cell> {
  return {
    idle: cell,
    'creating-child': cell,
    'rekeying-same-child': cell,
    'rekeyed-same-child': cell,
    'rekeying-other-child': cell,
    'both-rekeying-same-child': cell,
    'peer-rekeyed-same-child': cell,
    'closing-same-child': cell,
    'closing-other-child': cell,
    'rekeying-ike': cell,
    'both-rekeying-ike': cell,
    'following-up-ike': cell,
    'rekeyed-ike': cell,
    'closing-ike': cell,
  };
}

function usual(section: string): Cell {
  return { answer: 'as-usual', effect: 'none', section };
}

function kept(section: string): Cell {
  return { answer: 'as-usual', effect: 'keep-replacement', section };
}

function temporary(section: string): Cell {
  return { answer: 'TEMPORARY_FAILURE', effect: 'none', section };
}
