import { Encr, Integ, Ke, Prf } from '@ipsec-kit/crypto';
import {
  type Proposal,
  ProtocolId,
  TransformType as T,
  type Transform,
} from '@ipsec-kit/ikev2-codec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { additionalMethods } from '../../src/negotiate/additional-key-exchanges.ts';
import {
  chooseProposal,
  firstChildProposals,
  isConsistentAnswer,
} from '../../src/negotiate/proposals.ts';

const BASE: readonly Transform[] = [
  { type: T.ENCR, id: Encr.ENCR_AES_CBC, keyBits: 256 },
  { type: T.INTEG, id: Integ.AUTH_HMAC_SHA2_256_128 },
  { type: T.PRF, id: Prf.PRF_HMAC_SHA2_256 },
  { type: T.KE, id: Ke.CURVE25519 },
];
const [A, B, C] = [Ke.ML_KEM_512, Ke.ML_KEM_768, Ke.ML_KEM_1024];
const NONE = 0;

/** `{ 2: [A, B] }` is ADDKE2 with a choice of A and B. */
type Choices = Readonly<Record<number, readonly number[]>>;

function transforms(choices: Choices): Transform[] {
  const more = Object.entries(choices).flatMap(([place, ids]) =>
    ids.map((id) => ({ type: T.ADDKE1 + Number(place) - 1, id })),
  );
  return [...BASE, ...more];
}

function proposal(choices: Choices): Proposal {
  const spi = new Uint8Array(0);
  return { number: 1, protocol: ProtocolId.IKE, spi, transforms: transforms(choices) };
}

/** What is chosen beside the first exchange, as `[place, id]`; `undefined` when nothing is. */
function choose(offered: Choices, own: Choices): (readonly [number, number])[] | undefined {
  const configured = [{ transforms: transforms(own) }];
  const chosen = chooseProposal([proposal(offered)], configured, ProtocolId.IKE);
  return chosen?.proposal.transforms
    .slice(BASE.length)
    .map(({ type, id }) => [type - T.ADDKE1 + 1, id] as const);
}

describe('choosing additional key exchanges (RFC 9370 §2.2.1)', () => {
  it('takes one for every type that is offered, ours first', () => {
    expect(choose({ 1: [A, B], 2: [C] }, { 1: [B, A], 2: [C] })).toEqual([
      [1, B],
      [2, C],
    ]);
  });

  it('answers NONE where the offer allows it and we have nothing', () => {
    expect(choose({ 1: [A], 5: [C, NONE] }, { 1: [A] })).toEqual([
      [1, A],
      [5, NONE],
    ]);
    expect(choose({ 1: [A, NONE] }, {})).toEqual([[1, NONE]]);
  });

  it('refuses what one side must have and the other has not', () => {
    expect(choose({ 1: [A] }, {})).toBeUndefined();
    expect(choose({}, { 1: [A] })).toBeUndefined();
    expect(choose({ 1: [A] }, { 1: [B] })).toBeUndefined();
    expect(choose({ 1: [A] }, { 2: [A] })).toBeUndefined();
  });

  it('takes a type that is left out for NONE, and answers nothing to it', () => {
    expect(choose({}, { 1: [A, NONE] })).toEqual([]);
    expect(choose({ 2: [A] }, { 1: [B, NONE], 2: [A] })).toEqual([[2, A]]);
  });

  it('never takes a method twice, and gives way where that helps', () => {
    expect(choose({ 2: [A, B], 3: [A, B] }, { 2: [A, B], 3: [A, B] })).toEqual([
      [2, A],
      [3, B],
    ]);
    expect(choose({ 1: [A, B], 2: [A] }, { 1: [A, B], 2: [A] })).toEqual([
      [1, B],
      [2, A],
    ]);
    expect(choose({ 1: [A], 2: [A] }, { 1: [A], 2: [A] })).toBeUndefined();
    expect(choose({ 1: [A, NONE], 2: [A] }, { 1: [A, NONE], 2: [A] })).toEqual([
      [1, NONE],
      [2, A],
    ]);
  });

  it('wants a first key exchange beside them (RFC 9370 §2.2.4)', () => {
    const alone = transforms({ 1: [A] }).filter(({ type }) => type !== T.KE);
    const offer = { ...proposal({}), transforms: alone };
    expect(chooseProposal([offer], [{ transforms: alone }], ProtocolId.IKE)).toBeUndefined();
  });

  it('leaves them out of IKE_AUTH, where the keys come from the IKE SA (RFC 7296 §1.2)', () => {
    const [first] = firstChildProposals([{ transforms: transforms({ 1: [A] }) }]);
    expect(first?.transforms.map(({ type }) => type)).toEqual([T.ENCR, T.INTEG, T.PRF, T.ESN]);
  });

  it('runs them in the order of their types, without NONE', () => {
    expect(additionalMethods(transforms({ 7: [C], 2: [A], 4: [NONE] }))).toEqual([A, C]);
  });

  it('takes no answer that names one twice, one that was not offered, or none where it must be', () => {
    const offered = [proposal({ 1: [A, B], 2: [A, B], 3: [C, NONE] })];
    const accepts = (answer: Choices): boolean => isConsistentAnswer([proposal(answer)], offered);
    expect(accepts({ 1: [A], 2: [B], 3: [NONE] })).toBe(true);
    expect(accepts({ 1: [A], 2: [B] })).toBe(true);
    expect(accepts({ 1: [A], 2: [A], 3: [NONE] })).toBe(false);
    expect(accepts({ 1: [A], 2: [C], 3: [NONE] })).toBe(false);
    expect(accepts({ 1: [A], 3: [C] })).toBe(false);
    expect(accepts({ 1: [A, B], 2: [B] })).toBe(false);
  });

  it('finds a choice exactly where there is one, and it is consistent with both', () => {
    const ids = fc.uniqueArray(fc.constantFrom(NONE, A, B, C, Ke.ECP_256), { minLength: 1 });
    const some = fc.dictionary(fc.constantFrom('1', '2', '3', '4'), ids);
    fc.assert(
      fc.property(some, some, (offered, own) => {
        const chosen = choose(offered, own);
        expect(chosen !== undefined).toBe(existsFor(offered, own));
        if (!chosen) return;
        const answer = Object.fromEntries(chosen.map(([place, id]) => [place, [id]]));
        expect(isConsistentAnswer([proposal(answer)], [proposal(offered)])).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

/** The same by trying everything. */
function existsFor(offered: Choices, own: Choices): boolean {
  const rows = [1, 2, 3, 4].map((place) =>
    (own[place] ?? [NONE]).filter((id) => (offered[place] ?? [NONE]).includes(id)),
  );
  const fits = (row: number, taken: readonly number[]): boolean =>
    row === rows.length ||
    (rows[row] ?? []).some(
      (id) => (id === NONE || !taken.includes(id)) && fits(row + 1, [...taken, id]),
    );
  return fits(0, []);
}
