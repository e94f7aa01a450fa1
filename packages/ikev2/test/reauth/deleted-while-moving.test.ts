import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, type Flight, Pair, selector } from '../pair.ts';

const CHILDREN = [1, 2].map((n) => {
  const both = [selector(`10.${n}.0.0/16`)];
  return child({ name: `net-${n}`, localSelectors: both, remoteSelectors: both });
});

function isOf({ from, data }: Flight, exchange: number, isResponse: boolean): boolean {
  const hasFlag = ((data[19] ?? 0) & 0x20) !== 0;
  return from === 'client' && data[18] === exchange && hasFlag === isResponse;
}

/** The server reauthenticates; the client moves with it, deletes the old IKE SA a minute later, and its answer to the move has not come.
 * @param isLostForGood - also after the DELETE.
 */
function deletedWhileMoving(isLostForGood: boolean): Pair {
  const side = { makeBeforeBreak: true, children: CHILDREN, unique: 'replace' } as const;
  const pair = new Pair({ client: side, server: side }).open();
  pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
  pair.drive(40_000);
  let isDeleted = false;
  pair.wire = (flight) => {
    if (isOf(flight, ExchangeType.INFORMATIONAL, false)) isDeleted = true;
    const isLost = isOf(flight, ExchangeType.CREATE_CHILD_SA, true);
    return isLost && (isLostForGood || !isDeleted) ? [] : [{ flight }];
  };
  pair.server.command({ kind: 'reauthenticate', sessionId: FIRST_RESPONDER_SESSION_ID });
  while (!isDeleted) pair.drive(100);
  return pair;
}

it('the DELETE of an IKE SA whose Child SA is being moved is answered once the answer to the move is there, so that the Child SA goes on (RFC 7296 §2.8.3)', () => {
  const pair = deletedWhileMoving(false);
  pair.drive(1_000);
  const { server } = pair;
  expect(server.seen('child-closed')).toEqual([]);
  expect(server.seen('child-rekeyed').map(({ name }) => name)).toEqual(['net-1', 'net-2']);
  pair.drive(100_000);
  for (const host of [pair.client, server]) {
    const names = [...host.children.values()].map(({ config }) => config.name);
    expect(names).toEqual(['net-1', 'net-2']);
    expect(host.seen('child-opened')).toHaveLength(2);
  }
});

it('the DELETE of an IKE SA whose Child SA is being moved is answered after 20 s where no answer to the move comes', () => {
  const pair = deletedWhileMoving(true);
  pair.drive(15_000);
  expect(pair.server.seen('child-closed')).toEqual([]);
  pair.drive(15_000);
  expect(pair.server.seen('child-closed').map(({ name }) => name)).toEqual(['net-2']);
});
