import { describe, expect, it } from 'vitest';
import { COLLISIONS, type OwnWork, type PeerRequest } from '../../src/collisions/table.ts';
import { Scene } from './scene.ts';

/** What RFC 7296 wants, written down again: u as usual, T TEMPORARY_FAILURE, N CHILD_SA_NOT_FOUND, - without Delete. */
const EXPECTED: Readonly<Record<OwnWork, string>> = {
  //                            create rekey r.missing delete d.missing rekey-ike delete-ike
  idle: 'u u N u - u u',
  'creating-child': 'u u T u - T u',
  'rekeying-same-child': 'u u T u - T u',
  'rekeyed-same-child': 'u T T u - T u',
  'rekeying-other-child': 'u u T u - T u',
  'both-rekeying-same-child': 'u T T u - T u',
  'peer-rekeyed-same-child': 'u T N u - u u',
  'closing-same-child': 'u T N - - T u',
  'closing-other-child': 'u u N u - T u',
  'rekeying-ike': 'T T T u - u u',
  'both-rekeying-ike': 'T T T u - T u',
  'following-up-ike': 'T T T u - T u',
  'rekeyed-ike': 'T T T u - T u',
  'closing-ike': 'T T T u - T u',
};
const REQUESTS: readonly PeerRequest[] = [
  'create-child',
  'rekey-child',
  'rekey-missing-child',
  'delete-child',
  'delete-missing-child',
  'rekey-ike',
  'delete-ike',
];
const NAMES: Readonly<Record<string, string>> = {
  u: 'as-usual',
  T: 'TEMPORARY_FAILURE',
  N: 'CHILD_SA_NOT_FOUND',
  '-': 'without-delete',
};

describe('answers to requests that cross own work (RFC 7296 §2.25.1, §2.25.2, §2.8.1, §2.8.2)', () => {
  for (const work of Object.keys(EXPECTED) as OwnWork[]) {
    const row = EXPECTED[work].split(' ');
    REQUESTS.forEach((request, column) => {
      const expected = NAMES[row[column] ?? ''];
      it(`${work} meets ${request}: ${expected} (RFC 7296 §${COLLISIONS[request][work].section})`, () => {
        for (const side of ['client', 'server'] as const) {
          const scene = new Scene(side, work);
          scene.begin(work);
          expect([side, scene.ask(request)]).toEqual([side, expected]);
        }
        expect(COLLISIONS[request][work].answer).toBe(expected);
      });
    });
  }
});
